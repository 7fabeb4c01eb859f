"""The configuration of a host with a subscription that runs, one that an event can stick in, one without its plugin, one to be paused."""
from harness import BUILD


def four_states(test, redis, http, stop_timeout, mail=""):
    """http: what it listens on; mail: more for the subscription `mail`."""
    def sub(name, topic, more=""):
        return (f'{name} = {{ topics = [ "{test.topic}-{topic}" ]; id = [ "header:event-id" ]; start = "earliest"; unrouted = "dead-letter"; '
                f'group = "{test.topic}-{name}"; dead_letter = {{ topic = "{test.topic}.dead"; }}; {more} }};\n')
    return f'''
node = "eos-1"; state_dir = "{test.folder}"; stop_timeout = "{stop_timeout}";
plugin_path = [ "{BUILD}/plugins" ];
kafka = {{ bootstrap_servers = "{test.brokers}"; session_timeout_ms = 6000; heartbeat_interval_ms = 500; }};
ledger = {{ url = "unix:{redis.path}"; timeout = "1s"; lease = "3s"; }};
http = {{ listen = "{http}"; }};
admin = {{ socket = "{test.folder}/a.sock"; }};
subscriptions = {{
{sub("billing", "orders")}
{sub("mail", "mail", 'stall_timeout = "2s"; ' + mail)}
{sub("search", "search")}
{sub("audit", "audit")}
}};
handlers = {{ charge = {{ plugin = "debug.so"; workers = 8; settings = {{ do = "sleep:1"; }}; }};
	send = {{ plugin = "debug.so"; workers = 2; timeout = "1s"; settings = {{ do = "ok"; }}; }};
	index = {{ plugin = "nowhere.so"; }};
	note = {{ plugin = "debug.so"; settings = {{ do = "ok"; }}; }}; }};
routes = {{ a = {{ subscription = "billing"; handler = "charge"; }}; b = {{ subscription = "mail"; handler = "send"; }};
	c = {{ subscription = "search"; handler = "index"; }}; d = {{ subscription = "audit"; handler = "note"; }}; }};
'''
