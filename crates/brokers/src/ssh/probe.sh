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
# Whether others than root own an entry or can write to it. A link has no rights of its own.
others() {
    rights=$(stat -c "%u %A" -- "$1") || return 0
    case $rights in
    "0 l"*) return 1 ;;
    "0 "?????[!w]??[!w]*) ;;
    *) return 0 ;;
    esac
    [ -w "$1" ]
}
# Whether a folder that others can write to is sticky, and what it is asked for is there and is of root.
guarded() {
    case $(stat -c "%u %A" -- "$1") in
    "0 d"????????[tT]*) ;;
    *) return 1 ;;
    esac
    [ "$(stat -c %u -- "$2" 2>&-)" = 0 ]
}
# Tells of what $1 path $2 is, once.
tell() {
    case $told in
    *"|$2|"*) ;;
    *)
        told="$told|$2|"
        echo "held $1 $2"
        ;;
    esac
}
# Goes from folder $2 along path $3 as the kernel does, through every link, and tells where others than root decide.
walk() {
    at=$2
    ahead=$3
    links=
    while [ -n "$ahead" ]; do
        part=${ahead%%/*}
        ahead=${ahead#"$part"}
        ahead=${ahead#/}
        next=$at/$part
        case $part in
        "" | .) continue ;;
        ..)
            at=${at%/*}
            continue
            ;;
        esac
        if others "${at:-/}" && ! guarded "${at:-/}" "$next"; then
            if [ -e "$next" ] || [ -L "$next" ]; then
                tell "a folder above $1," "${at:-/}"
            else
                tell "$1, which is not there," "$next"
            fi
        fi
        if [ -L "$next" ]; then
            links=$links.
            if others "$next" || [ ${#links} -gt 40 ]; then tell "a link to $1," "$next"; fi
            [ ${#links} -le 40 ] || return 0
            to=$(readlink -- "$next")
            case $to in /*) at= ;; esac
            ahead=$to/$ahead
        elif [ -e "$next" ]; then
            at=$next
        else
            return 0
        fi
    done
    if others "${at:-/}"; then tell "$1" "${at:-/}"; fi
}
told=
echo "uid $me"
for group in $all; do echo "group $group"; done
echo "shell $shell"
walk "its shell" "" "${entry##*:}"
walk "its home" "" "$home"
inside=$at
for rc in .ssh .ssh/rc .ssh/environment .ssh/authorized_keys .profile .bashrc .bash_profile .bash_login .bash_env \
    .kshrc .mkshrc .shrc .zshenv .pam_environment .config .local; do
    if [ -e "$home/$rc" ] || [ -L "$home/$rc" ]; then walk "its file" "$inside" "$rc"; fi
done
for rc in bash.bashrc bashrc environment ld.so.preload ssh/sshrc; do
    if [ -e "/etc/$rc" ] || [ -L "/etc/$rc" ]; then walk "the file" "" "/etc/$rc"; fi
done
if command -v sudo >/dev/null && sudo -n -l >/dev/null 2>&1 </dev/null; then echo "elevates sudo"; fi
if command -v doas >/dev/null && doas -n true >/dev/null 2>&1 </dev/null; then echo "elevates doas"; fi
echo "leads $(readlink -f -- "$program")"
echo "kind $(stat -c %F -- "$program")"
walk "the program" "" "$program"
if [ -u "$program" ] || [ -g "$program" ]; then echo "switches"; fi
if [ -x "$program" ]; then echo "runs"; fi
sum=$(sha256sum <"$program") && echo "sha256 ${sum%% *}"
echo "end"
