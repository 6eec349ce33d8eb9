#!/bin/sh
# Fetches every file of the catalogue into a folder, each named by its SHA-256, for a web server of the site.
# usage: make-mirror.sh FOLDER   (where there is a network; run it again to complete a folder)
set -eu
folder=${1:?usage: make-mirror.sh FOLDER}
shoal=${SHOAL:-shoal}
mkdir -p "$folder"
"$shoal" models catalogue --json |
  node -e '
    const models = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    for (const { sha256, url } of models.flatMap(({ files }) => files)) console.log(sha256, url);' |
  sort -u |
  while read -r sha256 url; do
    [ -f "$folder/$sha256" ] && continue
    curl --fail --silent --show-error --location --proto =https --max-time 600 --output "$folder/$sha256.part" "$url"
    echo "$sha256  $folder/$sha256.part" | sha256sum --check --quiet
    mv "$folder/$sha256.part" "$folder/$sha256"
    echo "$sha256 $url"
  done
