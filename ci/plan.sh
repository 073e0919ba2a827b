#!/bin/sh
# Plans and writes what a pull request needs: FOLDER/plan.md (the comment), FOLDER/plan.json (for programs).
# Usage: plan.sh FOLDER ENVIRONMENT [options of natsx-sync plan]
# Exit: that of `natsx-sync plan --detailed-exitcode`: 0 no changes · 2 changes · 5 a guard refused · others in README.md
set -eu

[ $# -ge 2 ] || { printf 'usage: plan.sh FOLDER ENVIRONMENT [OPTION…]\n' >&2; exit 64; }
folder=$1 environment=$2
shift 2
case $environment in
  *[!A-Za-z0-9._-]* | *--* | '')
    printf 'plan.sh: an environment is letters, digits, ".", "_" and single "-"\n' >&2
    exit 64 ;;
esac
mkdir -p "$folder"
# What the forge takes as a comment; comment.sh has the same.
if [ "${GITLAB_CI:-}" = true ]; then most=900000; else most=60000; fi

code=0
natsx-sync plan --detailed-exitcode --format json "$@" >"$folder/plan.json" 2>"$folder/errors.txt" || code=$?
cat "$folder/errors.txt" >&2
if [ -s "$folder/plan.json" ]; then
  # The exit code says of both what it says of one.
  natsx-sync plan --format markdown --environment "$environment" --max-bytes "${COMMENT_BYTES:-$most}" "$@" \
    >"$folder/plan.md" 2>/dev/null || :
else
  : >"$folder/plan.md"
fi
if [ ! -s "$folder/plan.md" ]; then
  {
    printf '<!-- natsx-sync plan %s -->\n### natsx-sync plan: none\n\nThere is no plan (exit code %s).\n\n' "$environment" "$code"
    # Indented text is code wherever it comes from: no line of it can end the block.
    sed 's/^/    /' "$folder/errors.txt"
  } >"$folder/plan.md"
  [ "$code" -ne 0 ] && [ "$code" -ne 2 ] || code=1
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$folder/plan.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$code"
