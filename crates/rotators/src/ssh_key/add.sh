cd && umask 077 && IFS= read -r old && IFS= read -r new || exit 10
file=.ssh/authorized_keys
if [ -L $file ]; then
    echo "~/$file is a symbolic link, which is not followed" >&2
    exit 11
fi
if ! grep -qF -- "$old" $file; then
    echo "the present key is not in ~/$file, so sshd reads it elsewhere: rotate it by hand" >&2
    exit 12
fi
if grep -qF -- "$new" $file; then
    exit 0
fi
next=$(mktemp .ssh/.authorized_keys.XXXXXX) || exit 13
trap "rm -f $next" EXIT
while IFS= read -r line || [ -n "$line" ]; do
    printf "%s\n" "$line"
    case $line in
    "#"*) ;;
    *"$old"*) printf "%s\n" "${line%%"$old"*}$new${line#*"$old"}" ;;
    esac
done <$file >$next && chmod 600 $next && { sync $next || sync; } && mv -f $next $file
