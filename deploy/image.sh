#!/bin/sh
# Lays out what an image of hubgate holds: the program, the few libraries that it names, root certificates, a user.
#
#   deploy/image.sh target/release/hubgate FOLDER
#
# deploy/Dockerfile calls it in the build stage and copies FOLDER as the whole of the image; without a container
# runtime, FOLDER is a root for chroot, systemd's RootDirectory= or the like. Runs on Debian and its kin.
set -eu
program=$1 root=$2
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/etc/hubgate" "$root/tmp"
cp "$program" "$root/usr/bin/hubgate"
chmod 755 "$root/usr/bin/hubgate"
# The loader and the libraries, at the places by which the program finds them.
ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
# What an https:// provider is known by.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'nonroot:x:65532:65532::/nonexistent:/nonexistent\n' >"$root/etc/passwd"
printf 'nonroot:x:65532:\n' >"$root/etc/group"
# Names in /etc/hosts come first, then the resolver.
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
find "$root" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
