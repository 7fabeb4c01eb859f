#!/bin/sh
# A program for the handler exec: each event's line becomes a file of a folder, for something else to pick up.
#
#	settings = { command = [ "/opt/team/spool.sh", "/var/spool/orders" ]; };
#
# Written under another name and renamed, so that nobody picks up half a file; a repeated event replaces its own file.
cd "$1" || exit 1

# The first field of that name: numbers and the topic stand before anything that an event's producer chose.
field() { value=${line#*"\"$1\":"}; value=${value%%,*}; value=${value#\"}; value=${value%\"}; }

while IFS= read -r line; do
	field seq; seq=$value
	field topic; name=$value
	field partition; name=$name-$value
	field offset; name=$name-$value.json
	if printf '%s\n' "$line" >".new-$$" && mv ".new-$$" "$name"; then
		printf '{"seq":%s,"outcome":"ok"}\n' "$seq"
	else
		printf '{"seq":%s,"outcome":"retry","why":"cannot write"}\n' "$seq"
	fi
done
