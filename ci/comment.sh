#!/bin/sh
# Keeps a plan in one comment of a pull or merge request: found by the hidden marker in its first line, changed in place.
# Usage: comment.sh FILE ENVIRONMENT; needs curl and jq. ci/README.md tells which variables it reads.
# Exit: 0 the comment is there · 1 it is not, and why · 64 wrong usage
set -eu
umask 077

say() { printf 'comment.sh: %s\n' "$1" >&2; }
fail() { say "$1"; exit 1; }

if [ $# -ne 2 ] || [ ! -r "$1" ]; then
  say 'usage: comment.sh FILE ENVIRONMENT'
  exit 64
fi
# The file may come from a stranger's check: it must not take the comment of another environment.
marker="<!-- natsx-sync plan $2 -->"
if [ "$(head -n 1 "$1")" != "$marker" ]; then
  say "the first line of $1 is not $marker"
  exit 64
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Which forge, where its comments are, who writes them, and what it takes.
if [ "${GITLAB_CI:-}" = true ]; then
  api=$CI_API_V4_URL
  comments=$api/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes
  comment=$comments update=PUT order='sort=asc&order_by=created_at&'
  who=.author.username token=${GITLAB_TOKEN:-} most=${COMMENT_BYTES:-900000} login=PRIVATE-TOKEN:
else
  api=$GITHUB_API_URL
  comments=$api/repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments
  comment=$api/repos/$GITHUB_REPOSITORY/issues/comments update=PATCH order=
  who=.user.login token=${GITHUB_TOKEN:-} most=${COMMENT_BYTES:-65000} login='Authorization: Bearer'
fi
case $api in
  https://* | http://127.0.0.1:* | http://localhost:*) ;;
  *) fail "$api is not https: a token is not sent there" ;;
esac
# Files and builtins only: an argument list can be read by every process of the host.
if [ -n "${TOKEN_FILE:-}" ]; then token=$(cat "$TOKEN_FILE"); fi
[ -n "$token" ] || fail 'no token: set TOKEN_FILE, GITHUB_TOKEN or GITLAB_TOKEN'
printf '%s %s\n' "$login" "$token" >"$work/login"

# call METHOD URL [FILE]: the answer goes to $work/answer, its status to $status (000 = none came).
call() {
  printf '{}' >"$work/answer"
  status=$(curl --silent --max-time 30 --header "@$work/login" --header 'Content-Type: application/json' \
    --request "$1" ${3:+--data-binary "@$3"} --output "$work/answer" --write-out '%{http_code}' "$2") || status=000
}

# look: the id of our comment goes to $id, empty where there is none. A stranger's comment with the marker is not ours:
# he could change it after us. A list that cannot be read is no empty list.
look() {
  id='' page=1 count=100
  while [ -z "$id" ] && [ "$count" -eq 100 ] && [ "$page" -le 50 ]; do
    call GET "$comments?${order}per_page=100&page=$page"
    [ "$status" = 200 ] || return 1
    if ! count=$(jq length "$work/answer") || ! id=$(jq -r --arg marker "$marker" --arg author "$author" \
      "[.[] | select($who == \$author and (.body | startswith(\$marker))) | .id][0] // empty" "$work/answer"); then
      status=000
      return 1
    fi
    page=$((page + 1))
  done
}

# body FILE: as the JSON the forge wants.
body() { jq --raw-input --slurp '{body: .}' "$1" >"$work/body"; }

# cut FILE: whole lines within the limit, an open fence closed.
cut_to() {
  if [ "$(wc -c <"$1")" -le "$most" ]; then cat "$1"; return; fi
  head -c "$((most - 200))" "$1" | sed '$d' >"$work/cut"
  cat "$work/cut"
  if [ $(($(grep -c '^```' "$work/cut") % 2)) -eq 1 ]; then printf '```\n'; fi
  printf '\n**Cut here: too long for a comment.** The whole plan is in the artefacts of the job.\n'
}

# refused: why the forge said no. Its text may come from anywhere, so control characters are left out.
refused() {
  text=$(jq -r '.message // .error // empty | tostring' "$work/answer" 2>/dev/null | tr -d '[:cntrl:]' | head -c 300) || text=''
  printf '%s answered %s%s' "$api" "$status" "${text:+: $text}"
}

author=${COMMENT_AUTHOR:-}
if [ -z "$author" ] && [ "$who" = .author.username ]; then
  call GET "$api/user"
  [ "$status" = 200 ] || fail "$(refused); is the token valid?"
  author=$(jq -r .username "$work/answer")
fi
author=${author:-github-actions[bot]}

cut_to "$1" >"$work/text"
body "$work/text"
attempt=1
while :; do
  # A write whose answer was lost may have been done, so each attempt begins with a look.
  if look; then
    if [ -n "$id" ]; then call "$update" "$comment/$id" "$work/body"; else call POST "$comments" "$work/body"; fi
  fi
  case $status in
    200 | 201) exit 0 ;;
    401 | 403 | 404)
      fail "$(refused): the token may not comment here. Give it write access to pull requests (GitHub: \`pull-requests: write\`; GitLab: scope \`api\`); checks of forks have none, use the workflow that comments afterwards" ;;
    413 | 422 | 400)
      [ ! -e "$work/short" ] || fail "$(refused)"
      printf '%s\n**The plan is too long for a comment.** It is in the artefacts of the job.\n' "$marker" >"$work/short"
      body "$work/short" ;;
    000 | 429 | 5??)
      [ "$attempt" -lt 4 ] || fail "$(refused), $attempt times"
      sleep "$((attempt * ${COMMENT_PAUSE:-5}))"
      attempt=$((attempt + 1)) ;;
    *) fail "$(refused)" ;;
  esac
done
