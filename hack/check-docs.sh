#!/usr/bin/env bash
# Holds the documents to the tree: every relative link leads to a file, and every test that is named exists.
set -euo pipefail
cd "$(dirname "$0")/.."
wrong=0

for document in README.md docs/*.md docs/decisions/*.md; do
	while read -r target; do
		[ -e "$(dirname "$document")/$target" ] && continue
		echo "$document links to $target, which is not there" >&2
		wrong=1
	done < <(grep -oE '\]\([^)# ]+' "$document" | sed 's/^](//' | grep -v '^https\{0,1\}:' | sort -u)
done

# A test is a sentence: its name is long and has underscores. So have metrics, all of which begin alike.
while read -r test; do
	[[ $test == shop_* ]] && continue
	grep -rqE "fn $test\b" --include='*.rs' crates services operator e2e bench && continue
	echo "docs name the test $test, which is not there" >&2
	wrong=1
done < <(grep -ohE '`[a-z0-9]+(_[a-z0-9]+){4,}`' docs/*.md docs/decisions/*.md | tr -d '`' | sort -u)

exit "$wrong"
