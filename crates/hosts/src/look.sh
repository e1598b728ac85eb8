PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
[ "$(id -u)" = 0 ] || exit 10
for tool in base64 stat timeout sha256sum sshd; do command -v $tool >/dev/null || exit 11; done
most=1048576
encode() {
    base64 | tr -d "\n"
    echo
}
decode() { printf %s "$1" | base64 -d; }
not() {
    printf "not "
    printf %s "$1" | encode
}
text() {
    printf "text "
    encode
}
# What stands there is told with its size, so that what could not be read whole is known not to be.
file() {
    link=0
    if [ -L "$1" ]; then link=1; fi
    about=$(stat -L -c "%s %a %u %g %h" -- "$1" 2>&1) || {
        case $link$about in
        0*"No such file"* | 0*"Not a directory"*) echo absent ;;
        *) not "$about" ;;
        esac
        return
    }
    if [ ! -f "$1" ]; then
        not "no regular file"
    elif [ "${about%% *}" -gt $most ]; then
        not "larger than a megabyte"
    else
        printf "file %s %s " "$about" $link
        timeout 10 head -c $most -- "$1" | encode
    fi
}
folder() {
    told=$(ls -A1 -- "$1" 2>&1) && [ -d "$1" ] && {
        printf "%s\n" "$told" | text
        return
    }
    case $told in
    *"No such file"* | *"Not a directory"*) echo absent ;;
    *) not "$told" ;;
    esac
}
# What sshd would do for an account that comes from where this look does.
settings() {
    if told=$(sshd -T -f "$config" -C "user=$1,host=localhost,addr=$from,laddr=$to,lport=$port" 2>&1); then
        printf %s "$told" | text
    else
        not "$told"
    fi
}
# Whose password opens, and whose is empty; never what it is.
passwords() {
    if [ -r /etc/shadow ]; then
        sed -n "s/^\([^:]*\)::.*/\1 empty/p; s/^\([^:]*\):[^:!*][^:]*:.*/\1 set/p" /etc/shadow | text
    else
        not "/etc/shadow cannot be read"
    fi
}
name_of() { cat "/proc/$1/comm" 2>/dev/null; }
# A process on one line, whatever its owner had it say.
line_of() { tr "\000\001-\037\177" "[ *]" <"/proc/$1/cmdline" 2>/dev/null; }
# The sshd that led here, and then every other that waits for clients.
listeners() {
    own=
    at=$$
    while [ "$at" -gt 1 ]; do
        if [ "$(name_of "$at")" = sshd ]; then own=$at; fi
        at=$(sed -n "s/^PPid:[[:space:]]*//p" "/proc/$at/status" 2>/dev/null)
        [ -n "$at" ] || break
    done
    if [ -n "$own" ]; then echo "own $own $(line_of "$own")"; fi
    for process in /proc/[0-9]*; do
        number=${process#/proc/}
        name=
        read -r name 2>/dev/null <"$process/comm" || continue
        [ "$number" != "$own" ] && [ "$name" = sshd ] || continue
        line=$(line_of "$number")
        case $line in
        "sshd: "*" [listener] "*) ;;
        "sshd: "*) continue ;;
        esac
        echo "other $number $line"
    done
}
# The files that say whom a PostgreSQL lets in: where packages put them, and beside the data of what runs. One whose file is
# in a container, or elsewhere, is told as such.
databases() {
    find /etc/postgresql /var/lib/postgresql /var/lib/pgsql -maxdepth 5 -name pg_hba.conf 2>/dev/null
    ls -ld /proc/[0-9]*/exe 2>/dev/null |
        sed -n "s|.*\(/proc/[0-9]*\)/exe -> .*/postgres\( (deleted)\)\{0,1\}\$|\1|p" | while read -r process; do
        place=$(readlink "$process/cwd")
        there=$(stat -L -c %d:%i -- "$process/cwd/pg_hba.conf" 2>/dev/null)
        if [ -n "$there" ] && [ "$there" = "$(stat -L -c %d:%i -- "$place/pg_hba.conf" 2>/dev/null)" ]; then
            echo "$place/pg_hba.conf"
        elif [ -z "$(ls /etc/postgresql 2>/dev/null)" ] || [ -n "$there" ]; then
            echo "unread $place"
        fi
    done
}
tools() { for tool in useradd userdel; do command -v $tool; done; }
IFS= read -r line || exit 12
config=$(decode "$line") || exit 12
# shellcheck disable=SC2086
set -- ${SSH_CONNECTION:-}
from=${1:-127.0.0.1}
to=${3:-127.0.0.1}
port=${4:-22}
while IFS=" " read -r verb argument; do
    case $verb in
    file | folder | settings) "$verb" "$(decode "$argument")" ;;
    accounts) timeout 20 getent passwd | text ;;
    groups) timeout 20 getent group | text ;;
    passwords) passwords ;;
    listeners | databases | tools) "$verb" | text ;;
    *) exit 13 ;;
    esac
done
echo end
