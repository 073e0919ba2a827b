#!/bin/sh
# Plans and writes what a pull request needs: FOLDER/plan.md (the comment), FOLDER/plan.json (for programs).
# Usage: plan.sh FOLDER ENVIRONMENT [options of natsx-sync plan]
# Exit: that of `natsx-sync plan --detailed-exitcode`: 0 no changes · 2 changes · 5 a guard refused · others in README.md
set -eu

[ $# -ge 2 ] || { printf 'usage: plan.sh FOLDER ENVIRONMENT [OPTION…]\n' >&2; exit 64; }
folder=$1 environment=$2
shift 2
case $environment in
  *[!A-Za-z0-9._-]* | '') printf 'plan.sh: an environment is letters, digits, ".", "_" and "-"\n' >&2; exit 64 ;;
esac
mkdir -p "$folder"

code=0
natsx-sync plan --detailed-exitcode --format json "$@" >"$folder/plan.json" 2>"$folder/errors.txt" || code=$?
cat "$folder/errors.txt" >&2
{
  printf '<!-- natsx-sync plan %s -->\n### natsx-sync plan: %s\n\n' "$environment" "$environment"
  # Indented text is code wherever it comes from: no line of it can end the block.
  if [ -s "$folder/plan.json" ]; then
    natsx-sync --color never plan --format text "$@" 2>/dev/null | sed 's/^/    /' || :
  else
    printf 'There is no plan (exit code %s).\n\n' "$code"
    sed 's/^/    /' "$folder/errors.txt"
  fi
} >"$folder/plan.md"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$folder/plan.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$code"
