cd && umask 077 && IFS= read -r stays && IFS= read -r goes || exit 10
file=.ssh/authorized_keys
if [ -L $file ]; then
    echo "~/$file is a symbolic link, which is not followed" >&2
    exit 11
fi
if ! grep -qF -- "$stays" $file; then
    echo "the new key is not in ~/$file, so the former one stays" >&2
    exit 12
fi
next=$(mktemp .ssh/.authorized_keys.XXXXXX) || exit 13
trap "rm -f $next" EXIT
grep -vF -- "$goes" $file >$next && chmod 600 $next && { sync $next || sync; } && mv -f $next $file
