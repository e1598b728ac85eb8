PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
kept=/var/lib/portcullis-enrolment
[ "$(id -u)" = 0 ] || exit 10
decode() { printf %s "$1" | base64 -d; }
failed() {
    printf "failed "
    printf %s "$1" | base64 | tr -d "\n"
    echo
    exit 0
}
# What is at a path: the digest of a file, or what else.
is() {
    if [ -L "$1" ]; then
        echo link
    elif [ ! -e "$1" ]; then
        echo absent
    elif [ -f "$1" ]; then
        sum=$(sha256sum <"$1") && echo "${sum%% *}"
    else
        echo other
    fi
}
# Refuses a folder in which others than root can put things in our way.
own_folder() {
    case $(stat -c "%u %A" -- "${1%/*}") in
    "0 d"????[!w]??[!w]*) ;;
    *) failed "others than root can write to ${1%/*}" ;;
    esac
}
# Whether a file is still to be written, and is what it was: nothing is due where it is what it is to become.
is_due() {
    now=$(is "$1")
    [ "$now" != "$3" ] || return 1
    [ "$now" = "$2" ] || failed "$1 is not what it was when it was looked at"
    own_folder "$1"
}
# Puts what was made beside a file in its place, whole or not at all, to stay; unless it is another one by now.
place() { sync -- "$1.portcullis-new" && [ "$(is "$1")" = "$2" ] && mv -f -- "$1.portcullis-new" "$1" && sync -- "${1%/*}"; }
# Writes a file that was not there, with these rights.
make() { rm -f -- "$1.portcullis-new" && decode "$3" >"$1.portcullis-new" && chmod -- "$2" "$1.portcullis-new" && place "$1" absent; }
# Writes a file anew; whose it is, and who may do what with it, stays.
rewrite() {
    rm -f -- "$1.portcullis-new" && cp -a -- "$1" "$1.portcullis-new" && [ "$(is "$1.portcullis-new")" = "$2" ] &&
        decode "$3" >"$1.portcullis-new" && place "$1" "$2"
}
# Keeps what a file was, and when it was written.
keep() { cp -a -- "$1" "$kept/$2.before" && [ "$(is "$kept/$2.before")" = "$3" ] && sync -- "$kept/$2.before" "$kept"; }
begin() {
    if [ -e $kept/plan ]; then
        [ "$(decode "$1" | sha256sum)" = "$(sha256sum <$kept/plan)" ] || failed "something else was begun here before"
    else
        mkdir -p -m 700 $kept && decode "$1" >$kept/plan.new && sync -- $kept/plan.new &&
            mv $kept/plan.new $kept/plan && sync -- $kept "${kept%/*}" || failed "$kept cannot be written"
    fi
}
put() {
    path=$(decode "$2")
    is_due "$path" "$3" "$4" || return 0
    if [ "$3" = absent ]; then
        make "$path" "$5" "$6"
    else
        keep "$path" "$1" "$3" && rewrite "$path" "$3" "$6"
    fi 2>/dev/null || failed "$path cannot be written, or is being written by others"
}
back() {
    path=$(decode "$2")
    is_due "$path" "$4" "$3" || return 0
    if [ "$3" = absent ]; then
        rm -f -- "$path" && sync -- "${path%/*}"
    else
        [ "$(is "$kept/$1.before")" = "$3" ] || failed "$kept/$1.before is not what $path was"
        rm -f -- "$path.portcullis-new" && cp -a -- "$kept/$1.before" "$path.portcullis-new" && place "$path" "$4"
    fi 2>/dev/null || failed "$path cannot be written, or is being written by others"
}
edit() {
    path=$(decode "$1")
    is_due "$path" "$2" "$3" || return 0
    rewrite "$path" "$2" "$4" 2>/dev/null || failed "$path cannot be written, or is being written by others"
}
# Whether an account is as it is made here: no password, no group but its own, no home.
as_made() {
    case $(getent passwd "$1") in *:/nonexistent:/bin/sh) ;; *) return 1 ;; esac
    case $(getent shadow "$1") in "$1:*:"*) ;; *) return 1 ;; esac
    [ "$(id -Gn "$1")" = "$1" ]
}
account() {
    if getent passwd "$1" >/dev/null; then
        as_made "$1" || failed "somebody else has made an account $1"
        return
    fi
    told=$(useradd --system --no-create-home --user-group --password "*" --home-dir /nonexistent --shell /bin/sh "$1" 2>&1) ||
        failed "$told"
}
unaccount() {
    getent passwd "$1" >/dev/null && {
        as_made "$1" || failed "others have changed the account $1 since (home, shell, password or groups): remove it by hand"
        case $(getent group "$1") in
        *:) ;;
        *) failed "others are in the group $1 by now: take them out, or remove the account by hand" ;;
        esac
        told=$(userdel "$1" 2>&1) || failed "$told"
    }
    case $(getent group "$1") in
    *:) told=$(groupdel "$1" 2>&1) || failed "$told" ;;
    esac
}
check() { told=$(sshd -t -f "$config" 2>&1) || failed "sshd would not start: $told"; }
reload() {
    [ "$(cat "/proc/$1/comm" 2>/dev/null)" = sshd ] && [ "$(stat -c %u "/proc/$1")" = 0 ] ||
        failed "process $1 is no sshd any more: look again"
    kill -HUP "$1"
}
finish() { echo >$kept/finished && sync -- $kept/finished $kept; }
# Also what was being written beside a file when it was interrupted.
forget() {
    if [ -e $kept/plan ]; then
        while read -r verb number path rest; do
            if [ "$verb" = put ]; then rm -f -- "$(decode "$path").portcullis-new"; fi
        done <$kept/plan
    fi
    rm -rf -- $kept
}
IFS= read -r line || exit 12
config=$(decode "$line") || exit 12
while read -r verb one two three four five six; do
    case $verb in
    begin | put | back | edit | account | unaccount | check | reload | finish | forget)
        "$verb" "$one" "$two" "$three" "$four" "$five" "$six"
        ;;
    *) exit 13 ;;
    esac
    echo "done"
done
echo end
