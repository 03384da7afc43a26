#!/usr/bin/env bash
# Builds the Debian packages from what git has, checks them with lintian, unpacks them into an empty root and runs the
# program and the blocks from there. usage: debian.sh SOURCE SCRATCH
set -euo pipefail
source=$1 scratch=$2
for tool in git dpkg-buildpackage dh lintian; do
  command -v $tool >/dev/null || { echo "$tool is not installed (dpkg-dev, debhelper, dh-python, lintian)"; exit 77; }
done
rm -rf "$scratch"
mkdir -p "$scratch/ngplc" "$scratch/tree"
git -C "$source" ls-files -z | tar -C "$source" --null -T - -c | tar -C "$scratch/ngplc" -x
cd "$scratch/ngplc"

# The flags of the other builds, so that a compiler cache has most of it already; a release has Debian's.
options=-DNGPLC_WERROR=ON
if command -v ccache >/dev/null; then
  # debhelper gives builds a home and a language of their own, and the cache looks at both.
  CCACHE_DIR=$(ccache --get-config cache_dir)
  export CCACHE_DIR CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  printf '#!/bin/sh\nunset LC_ALL\nexec ccache "$@"\n' >../cache
  chmod +x ../cache
  options+=" -DCMAKE_CXX_COMPILER_LAUNCHER=$scratch/cache"
fi
env DEB_CXXFLAGS_SET= DEB_CFLAGS_SET= DEB_CPPFLAGS_SET= DEB_LDFLAGS_SET= NGPLC_CMAKE_OPTIONS="$options" \
  DEB_BUILD_OPTIONS="noautodbgsym parallel=${NGPLC_JOBS:-2}" dpkg-buildpackage -b -us -uc >../build.log 2>&1 ||
  { tail -n 40 ../build.log; exit 1; }

cd ..
lintian --fail-on error,warning --info --suppress-tags initial-upload-closes-no-bugs,hardening-no-fortify-functions,hardening-no-bindnow \
  ngplc_*.changes
for package in ./*.deb; do
  case $package in *-dbgsym_*) ;; *) dpkg-deb -x "$package" tree ;; esac
done

root=$PWD/tree/usr
library=$(dirname "$(find "$root/lib" -name 'libgnuradio-ngplc.so.0.1')")
# The packages' own folders alone: the build folder and what is installed on this machine are not seen.
export LD_LIBRARY_PATH=$library PYTHONPATH=$root/lib/python3/dist-packages GRC_BLOCKS_PATH=$root/share/gnuradio/grc/blocks
export HOME=$scratch XDG_RUNTIME_DIR=$scratch
found=$("$root/bin/ngplc" doctor)
echo "$found"
for line in "GNU Radio module" "blocks in GRC"; do
  grep -Eq "^ok +$line .*$scratch" <<<"$found" || { echo "doctor does not find in the packages: $line"; exit 1; }
done
"$root/bin/ngplc" tx x --random 1
"$root/bin/ngplc" channel x y --scenario workshop --ebn0-db 20
"$root/bin/ngplc" rx y --json | grep -q '"payload"'
/usr/bin/python3 -c 'from gnuradio import ngplc; ngplc.random_access_receiver_f(); ngplc.mains_phase_f(); ngplc.noise_front_end_f(); print(ngplc.__file__)' | grep -q "$scratch"

# The hub from its package, with the configuration that dpkg keeps.
for file in hub collect; do dpkg-deb -I ngplc-hub_*.deb conffiles | grep -qx /etc/ngplc/$file.toml; done
"$root/bin/ngplc-hub" --linkkey ngplc-hub.key
CREDENTIALS_DIRECTORY=$PWD "$root/bin/ngplc-hub" --config tree/etc/ngplc/hub.toml --feed "ipc://$PWD/feed" --http 127.0.0.1:0 \
  --database "$PWD/hub.sqlite" 2>hub.log &
hub=$!
for _ in $(seq 100); do grep -q ready: hub.log && break; sleep 0.1; done
port=$(sed -n 's/.*http port \([0-9]*\).*/\1/p' hub.log)
"$root/bin/hubctl" --url "http://127.0.0.1:$port" status || { cat hub.log; kill $hub; exit 1; }
kill $hub
wait $hub
if command -v systemd-analyze >/dev/null; then
  for unit in ngplc-hub.service ngplc-collect.service; do
    sed "s|=/usr/bin/|=$root/bin/|" "tree/lib/systemd/system/$unit" >"$unit"
    systemd-analyze verify "./$unit"
  done
fi
echo "packages: $(ls ./*.deb | wc -l), all used from an empty root"
