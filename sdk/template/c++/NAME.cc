// @NAME@ - writes each event's payload to a file of its own, named by the event's id.
//
// A second run of an event writes the same file again, so each event has its effect once.
#include <semel/handler.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t id_max = 100;	// twice that, and a fence, still is a file's name

const semel_setting settings[] = {
	{ "folder", SEMEL_TEXT, ".", "Where the files go; it must exist." },
	{ nullptr, SEMEL_TEXT, nullptr, nullptr },
};

std::string_view view(semel_bytes b)
{
	return { static_cast<const char *>(b.data), b.len };
}

// Any bytes are a name, in hex.
std::string hex(std::string_view bytes)
{
	std::string out;

	for (unsigned char c : bytes) {
		out += "0123456789abcdef"[c >> 4];
		out += "0123456789abcdef"[c & 15];
	}
	return out;
}

class Writer {
public:
	Writer(const semel_host *host, const semel_settings *s)
	    : host_(host), folder_(host->text(s, "folder")),
	      written_(host->metric(host, SEMEL_COUNTER, "written_total", "Files written."))
	{
		if (!fs::is_directory(folder_))
			throw fs::filesystem_error("no folder", folder_,
			    std::make_error_code(std::errc::no_such_file_or_directory));
	}

	// Many threads at a time: what is being written is named by the fence, too.
	void write(const semel_event *e) const
	{
		const fs::path name = folder_ / hex(view(e->id));
		const fs::path partial = folder_ / ("." + name.filename().string() + "." + std::to_string(e->fence));
		std::ofstream out(partial, std::ios::binary | std::ios::trunc);

		out << view(e->payload);
		out.close();
		if (!out) {
			const int error = errno;

			fs::remove(partial);
			throw fs::filesystem_error("not written", name, std::error_code(error, std::generic_category()));
		}
		fs::rename(partial, name);
		host_->record(written_, 1);
	}

private:
	const semel_host *host_;
	fs::path folder_;
	semel_metric *written_;
};

// No exception may leave a function of the plugin: each is caught here.

int open(const semel_host *host, const semel_settings *s, void **ret_self)
{
	try {
		*ret_self = new Writer(host, s);
		return 0;
	} catch (const std::system_error &error) {
		return -error.code().value();	// not -EINVAL: the host tries again later
	} catch (...) {
		return -ENOMEM;
	}
}

int handle(void *self, void *, const semel_event *e)
{
	if (e->payload.data == nullptr)
		return semel_end(e, SEMEL_SKIP, -1, "a tombstone");
	if (e->id.len > id_max)		// no retry would help: a dead letter
		return semel_end(e, SEMEL_REJECT, -1, "the id has %zu bytes, at most %zu make a name", e->id.len, id_max);
	try {
		static_cast<const Writer *>(self)->write(e);
		return SEMEL_OK;
	} catch (const std::exception &error) {	// later, as the subscription's retry says
		return semel_end(e, SEMEL_RETRY, -1, "%s", error.what());
	}
}

void close(void *self)
{
	delete static_cast<Writer *>(self);
}

} // namespace

SEMEL_HANDLER("@NAME@", "0.1.0", .settings = settings, .open = open, .handle = handle, .close = close);
