#!/usr/bin/env bash
# A walk through the shop, first as a customer, then as its administrator, with nothing but curl and jq.
#
#   make run ARGS=--demo     in one terminal
#   make demo                in another
#
# SHOP_URL (default http://127.0.0.1:3000) is the gateway, SHOP_DATA (default ./shop-data) its data folder: the
# administrator's password and the mails are read there. A folder without `mail` belongs to a shop whose mails are elsewhere, in a
# cluster for instance: then no mail is looked for. It ends with "journey complete" or at the first surprise.
set -euo pipefail

SHOP=${SHOP_URL:-http://127.0.0.1:3000}
DATA=${SHOP_DATA:-./shop-data}
RUN=${RUN:-$(date +%s)-$$}               # makes names of this run unique, so that it can be walked again
EMAIL=ada-$RUN@example.com
PASSWORD='correct horse battery staple'

say()  { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }

# call METHOD PATH [JSON] [more curl arguments]: prints the reply's body; an HTTP error ends the walk and shows the problem.
call() {
	local method=$1 path=$2 json=${3:-} reply status
	shift $(( $# > 3 ? 3 : $# ))
	reply=$(curl -sS -X "$method" "$SHOP/api/v1$path" -w '\n%{http_code}' \
		${TOKEN:+-H "Authorization: Bearer $TOKEN"} \
		${json:+-H 'Content-Type: application/json' -d "$json"} "$@") || fail "$SHOP does not answer: start it with \`make run\`"
	status=${reply##*$'\n'}
	[ "$status" -lt 400 ] || fail "$method $path answered $status: ${reply%$'\n'*}"
	printf '%s' "${reply%$'\n'*}"
}
log_in() { TOKEN='' call POST /auth/login "$(jq -n --arg e "$1" --arg p "$2" '{email: $e, password: $p}')" | jq -r .access_token; }

# wait_for SECONDS COMMAND…: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)); shift
	until "$@" 2>/dev/null; do [ $SECONDS -lt $end ] || fail "timed out: $*"; sleep 0.2; done
}
status_is() { [ "$(call GET "/orders/$1" | jq -r .status)" = "$2" ]; }
mail_says() { [ ! -d "$DATA/mail" ] || grep -rlF -- "$EMAIL" "$DATA/mail" | xargs -r grep -lF -- "$1" | grep -q .; }

say "1. Register an account and sign in"
call POST /auth/register "$(jq -n --arg e "$EMAIL" --arg p "$PASSWORD" '{email: $e, password: $p, name: "Ada"}')" | jq -c .
CUSTOMER=$(log_in "$EMAIL" "$PASSWORD")
TOKEN=$CUSTOMER
call GET /me | jq '{id, email, name, roles}'

say "2. As the administrator: put two things on the shelf"
ADMIN=$(log_in admin@shop.example "$(cat "$DATA/admin-password")")
TOKEN=$ADMIN
MUG=MUG-$RUN LAMP=LAMP-$RUN
call POST /admin/products "$(jq -n --arg s "$MUG" '{sku: $s, title: "Stoneware mug", description: "Holds 330 ml of coffee.",
	category: "Kitchen", price: {amount: 1450, currency: "EUR"}, attributes: {colour: "blue"}, initial_stock: 10}')" | jq '{id, sku, price}'
call POST /admin/products "$(jq -n --arg s "$LAMP" '{sku: $s, title: "Reading lamp", category: "Home",
	price: {amount: 4900, currency: "EUR"}, initial_stock: 1}')" | jq '{id, sku, price}'

say "3. Browse and search, as anybody may"
TOKEN=''
call GET '/products?limit=5' | jq -c '.data[] | {title, price}'
call GET '/products?q=stonew&in_stock=true&sort=price&limit=3' | jq -r '.data[] | "found \(.sku)"'

say "4. Watch the live stream while ordering: the order confirms by itself"
TOKEN=$CUSTOMER
STREAM=$(mktemp)
curl -sSN "$SHOP/api/v1/me/events" -H "Authorization: Bearer $TOKEN" >"$STREAM" &
WATCHER=$!
trap 'kill $WATCHER 2>/dev/null || true; rm -f "$STREAM"' EXIT
wait_for 10 test -s "$STREAM"            # the first bytes say that the stream is open
order() { jq -n --arg s "$1" --argjson q "$2" '{items: [{sku: $s, quantity: $q}]}'; }
# The catalog reaches the order service as events; a product made a moment ago may take one to arrive.
place() { call POST /orders "$(order "$1" "$2")" -H "Idempotency-Key: $RUN-$3" -H 'Prefer: wait=5'; }
known() { (place "$@") >"$STREAM.order"; }
wait_for 10 known "$MUG" 2 first
ORDER=$(jq -r .id "$STREAM.order")
jq '{id, number, status, total: .totals.total}' "$STREAM.order"
wait_for 10 grep -q 'event: order.confirmed' "$STREAM"
grep -A2 -B1 'event: order.confirmed' "$STREAM"

say "5. The same Idempotency-Key again is the same order"
[ "$(place "$MUG" 2 first | jq -r .id)" = "$ORDER" ] && echo "still $ORDER"

say "6. The mail"
wait_for 10 mail_says "confirmed"
if [ -d "$DATA/mail" ]; then
	grep -rlF -- "$EMAIL" "$DATA/mail" | xargs grep -h '^Subject:'
else
	echo "not looked at: $DATA/mail is not there"
fi

say "7. Sell out the lamp: the second order is rejected, and says why"
known "$LAMP" 1 lamp-1 && jq '{number, status}' "$STREAM.order"
place "$LAMP" 1 lamp-2 | jq '{number, status, rejection}' | tee "$STREAM.order"
grep -q insufficient_stock "$STREAM.order"

say "8. Cancel an order: its stock comes back"
known "$MUG" 3 to-cancel
CANCELLED=$(jq -r .id "$STREAM.order")
call POST "/orders/$CANCELLED/cancel" | jq '{number, status}'
wait_for 10 status_is "$CANCELLED" cancelled
call GET "/orders/$CANCELLED/timeline" | jq -r '.data[] | "\(.at)  \(.type)"'
TOKEN=$ADMIN call GET "/admin/inventory/$MUG" | jq -c .

say "9. As the administrator: ship the first order and mark it delivered"
TOKEN=$ADMIN
SHIPMENT=$(call POST "/admin/orders/$ORDER/shipments" '{"carrier": "DHL", "tracking_number": "00340434161094042557"}' | tee "$STREAM.order" | jq -r .id)
jq -c . "$STREAM.order"
ETAG=$(curl -sSI -X GET "$SHOP/api/v1/admin/orders/$ORDER" -H "Authorization: Bearer $TOKEN" | tr -d '\r' | awk 'tolower($1) == "etag:" {print $2}')
call PATCH "/admin/orders/$ORDER/shipments/$SHIPMENT" '{"status": "delivered"}' -H "If-Match: $ETAG" | jq '{id, status}'
TOKEN=$CUSTOMER
wait_for 10 status_is "$ORDER" delivered
call GET "/orders/$ORDER" | jq '{number, status, shipments}'

say "10. What the customer was told"
wait_for 10 mail_says "delivered"
call GET /me/notifications | jq -r '.data[] | "\(.created_at)  \(.title)"'
call GET /me/notifications/unread-count | jq -c .
call POST /me/notifications/read
call GET /me/notifications/unread-count | jq -c .

rm -f "$STREAM.order"
say "journey complete"
