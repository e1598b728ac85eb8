//! Addresses in a certificate's `source-address`: what sshd would refuse is refused before it is signed.

use core::net::IpAddr;

/// Whether a text is `ADDRESS` or `ADDRESS/BITS` with no bit set behind the prefix; sshd refuses a certificate with
/// any other.
pub(super) fn is_network(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    bits.is_none_or(|bits| decimal(bits).is_some_and(|bits| has_no_host_bits(address, bits)))
}

/// Digits only: `+8` and `08` are no prefix lengths.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| plain && canonical)
}

fn has_no_host_bits(address: IpAddr, bits: u32) -> bool {
    let (value, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let Some(host_bits) = u32::checked_sub(width, bits) else {
        return false;
    };
    let host = 1_u128
        .checked_shl(host_bits)
        .map_or(u128::MAX, |first| first.wrapping_sub(1));
    value & host == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_taken() {
        for good in [
            "192.0.2.7",
            "192.0.2.0/24",
            "0.0.0.0/0",
            "192.0.2.7/32",
            "2001:db8::1",
            "2001:db8::/32",
            "::/0",
            "::1/128",
        ] {
            assert!(is_network(good), "{good}");
        }
    }

    #[test]
    fn what_sshd_would_refuse_is_refused() {
        for bad in [
            "",
            "host",
            "192.0.2.7/24",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/+24",
            "192.0.2.0/024",
            "2001:db8::1/32",
            "::/129",
            "192.0.2.0/24,0.0.0.0/0",
            "!192.0.2.7",
            "192.0.2.*",
        ] {
            assert!(!is_network(bad), "{bad}");
        }
    }
}
