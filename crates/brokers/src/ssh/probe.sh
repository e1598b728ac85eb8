PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ -r /proc/$$/environ ] || exit 9
tr "\000" "\n" </proc/$$/environ | sed -n "s/^\(BASH_ENV\|ENV\|SHELLOPTS\|BASHOPTS\|PS4\|LD_[A-Z_]*\|GLIBC_TUNABLES\|PERL5OPT\|PYTHONSTARTUP\|PYTHONPATH\)=.*/env \1/p; s/^BASH_FUNC_.*/env BASH_FUNC/p"
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
LC_ALL=C
export PATH LC_ALL
IFS= read -r program || exit 10
me=$(id -u) && all=$(id -Gn) && entry=$(getent passwd "$me") || exit 11
rest=${entry%:*}
home=${rest##*:}
shell=$(readlink -f -- "${entry##*:}") || shell=${entry##*:}
mine() {
    [ -w "$1" ] || [ "$(stat -c %u -- "$1")" = "$me" ] || [ "$(stat -L -c %u -- "$1")" = "$me" ]
}
file() {
    if [ -e "$2" ] || [ -L "$2" ]; then
        if mine "$2"; then echo "held $1 $2"; fi
    fi
}
above() {
    up=${2%/*}
    while [ -n "$up" ]; do
        if [ -k "$up" ] && [ "$(stat -c %u -- "$up")" != "$me" ]; then :; else file "$1" "$up"; fi
        up=${up%/*}
    done
    file "$1" /
}
echo "uid $me"
for group in $all; do echo "group $group"; done
echo "shell $shell"
file "its shell" "$shell"
file "its home" "$home"
above "a folder above its home," "$home"
for rc in .ssh .ssh/rc .ssh/environment .ssh/authorized_keys .profile .bashrc .bash_profile .bash_login .bash_env \
    .kshrc .mkshrc .shrc .zshenv .pam_environment .config .local; do
    file "its file" "$home/$rc"
done
if command -v sudo >/dev/null && sudo -n -l >/dev/null 2>&1 </dev/null; then echo "elevates sudo"; fi
if command -v doas >/dev/null && doas -n true >/dev/null 2>&1 </dev/null; then echo "elevates doas"; fi
echo "leads $(readlink -f -- "$program")"
echo "kind $(stat -c %F -- "$program")"
file "the program" "$program"
above "a folder above the program," "$program"
if [ -u "$program" ] || [ -g "$program" ]; then echo "switches"; fi
if [ -x "$program" ]; then echo "runs"; fi
sum=$(sha256sum <"$program") && echo "sha256 ${sum%% *}"
echo "end"
