//! Hosts that are brought in: what one answers, what is planned from it, the doors it shows, and the way back.
//! The input is cut at each 0xff; everything that is asked is answered by one of the pieces, always by the same.

use portcullis_hosts::{Act, Answer, Ask, KEPT, Known, Plan, Record, Wish, side_doors};
use portcullis_model::Digest;

const WISH: Wish<'_> = Wish {
    authority: "ssh-ed25519 OURS",
    account: "root",
    tasks: Some("ops"),
};

/// Rounds after which a host has to be known.
const MOST_ROUNDS: usize = 64;

pub(crate) fn check(bytes: &[u8]) {
    as_told(bytes);
    let pieces: Vec<&[u8]> = bytes.split(|byte| *byte == 0xff).collect();
    let known = survey(&pieces);
    for door in side_doors(&known, WISH.authority) {
        assert!(door.is_sound(), "{door:?} cannot be told");
    }
    let plan = Plan::of(&known, &WISH);
    if plan.against.is_empty() && plan.there.iter().all(|there| !there.contains("begun")) {
        there_and_back(known, &plan);
    }
    recorded(bytes);
}

/// A record that somebody left at a host is followed as it stands, or not at all.
fn recorded(bytes: &[u8]) {
    let mut known = Known::nothing("/etc/ssh/sshd_config");
    told(
        &mut known,
        &format!("{KEPT}/plan"),
        &String::from_utf8_lossy(bytes),
    );
    if let Ok(Some(record)) = Record::of(&known) {
        let way = record.undone(&known);
        assert_eq!(way.acts.last(), Some(&Act::Forget));
        let again = record.again(&known);
        let kept = again.first().map(ToString::to_string);
        assert!(kept.is_some(), "it begins by keeping itself");
    }
}

/// What a host says is read as it is, or not at all.
fn as_told(bytes: &[u8]) {
    let asks = [Ask::Accounts, Ask::File("/etc/x".to_owned())];
    if let Ok(answers) = Ask::answers(&asks, bytes) {
        assert_eq!(answers.len(), asks.len());
    }
    drop(Act::went(2, bytes));
}

/// A host that answers by the pieces.
fn survey(pieces: &[&[u8]]) -> Known {
    let mut known = Known::nothing("/etc/ssh/sshd_config");
    for _ in 0..MOST_ROUNDS {
        let asks = known.asks();
        if asks.is_empty() {
            return known;
        }
        let answers = asks.iter().map(|ask| answer(ask, pieces)).collect();
        known.take(asks, answers);
    }
    assert!(known.asks().is_empty(), "a host is asked without end");
    known
}

fn answer(ask: &Ask, pieces: &[&[u8]]) -> Answer {
    // A record of ours is not what a host is that nobody brought in.
    if ask.to_string().starts_with(KEPT) {
        return Answer::Absent;
    }
    let digest = Digest::of_bytes(format!("{ask:?}").as_bytes());
    let number = digest.as_bytes().first().copied().map_or(0, usize::from);
    let index = number.checked_rem(pieces.len()).unwrap_or_default();
    let piece = pieces.get(index).copied().unwrap_or_default();
    let (first, rest) = piece
        .split_first()
        .map_or((0, piece), |(first, rest)| (*first, rest));
    match (first % 8, ask) {
        (0, _) => Answer::Absent,
        (1, _) => Answer::Not(String::from_utf8_lossy(rest).into_owned()),
        (kind, Ask::File(_)) => Answer::File {
            mode: 0o644,
            uid: 0,
            names: if kind == 2 { 2 } else { 1 },
            is_link: kind == 3,
            bytes: rest.to_vec(),
        },
        _ => Answer::Text(String::from_utf8_lossy(rest).into_owned()),
    }
}

/// What is planned keeps what was there, and is undone to what was there.
fn there_and_back(mut known: Known, plan: &Plan) {
    let Some(Act::Begin(text)) = plan.acts.first() else {
        assert!(plan.acts.is_empty(), "a plan is kept before it is followed");
        return;
    };
    let mut written = 0;
    for act in &plan.acts {
        let Act::Put {
            number,
            path,
            before,
            content,
            ..
        } = act
        else {
            continue;
        };
        written += 1;
        let was = known.file(path).map(<[u8]>::to_vec);
        assert_eq!(was.as_deref().map(Digest::of_bytes), *before);
        if let Some(was) = was {
            let was = String::from_utf8_lossy(&was).into_owned();
            assert!(content.contains(&was), "{path} loses what it held");
            told(&mut known, &format!("{KEPT}/{number}.before"), &was);
        }
        told(&mut known, path, content);
    }
    told(&mut known, &format!("{KEPT}/plan"), text);
    let record = Record::of(&known).ok().flatten();
    let way = record.map(|record| record.undone(&known));
    let way = way.filter(|way| way.against.is_empty());
    let acts = way.map(|way| way.acts).unwrap_or_default();
    let back = acts.iter().filter(|act| matches!(act, Act::Back { .. }));
    assert_eq!(back.count(), written, "what was written goes back");
    assert_eq!(acts.last(), Some(&Act::Forget));
}

fn told(known: &mut Known, path: &str, text: &str) {
    let answer = Answer::File {
        mode: 0o644,
        uid: 0,
        names: 1,
        is_link: false,
        bytes: text.as_bytes().to_vec(),
    };
    known.take(vec![Ask::File(path.to_owned())], vec![answer]);
}

/// What is kept at a host that was brought in.
#[cfg(test)]
const RECORD: &str = "account ops\nput 1 L2V0Yy94 absent \
     98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4 644 aGkK\ncheck\nreload 7\nfinish\n";

/// Hosts whose every answer is one of these.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let settings = "\u{7}pubkeyauthentication yes\npermitrootlogin yes\ntrustedusercakeys none\n\
                    authorizedkeysfile .ssh/authorized_keys %h/k%u\nhostkey /etc/k\nroot:x:0:0::/root:/bin/sh\n\
                    ops:x:9:9::/nonexistent:/bin/sh\nroot set\nown 7 sshd: /usr/sbin/sshd -D [listener] 0\n";
    let pieces: [&str; 6] = [
        settings,
        "\u{7}Include /etc/ssh/sshd_config.d/*.conf\nMatch User x\n@includedir /etc/sudoers.d\n%sudo ALL=(ALL) ALL\n",
        "\u{7}ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3N7AAW6ybbUWC4JkkWp9d2Yj8cN5jNq6yqfTWvK2bq x\n",
        "\u{7}local all postgres peer\nhost all all 0.0.0.0/0 md5 x=y\n",
        "\u{0}",
        "\u{1}no regular file",
    ];
    let join = |pieces: &[&str]| {
        let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        pieces.join(&0xff)
    };
    vec![
        ("plain", join(&[settings])),
        ("mixed", join(&pieces)),
        (
            "told",
            b"text aGk=\nfile 2 644 0 0 1 0 aGk=\nend\n".to_vec(),
        ),
        ("record", RECORD.as_bytes().to_vec()),
        ("went", b"done\nfailed bm8=\n".to_vec()),
    ]
}
