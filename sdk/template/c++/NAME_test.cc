// What @NAME@ does with an event, and with the same event once more.
#include <semel/testkit.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#define CHECK(x) \
	((x) ? (void)0 : (std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #x), std::exit(1)))

namespace {

namespace fs = std::filesystem;

std::string folder;

semel_test *open_handler()
{
	semel_test *t = semel_test_new(&semel_handler);

	semel_test_set(t, "folder", folder.c_str());
	CHECK(semel_test_open(t) == 0);
	return t;
}

void writes_each_event_once()
{
	semel_test *t = open_handler();
	semel_test_event e{};

	e.id = semel_text("e1");
	e.payload = semel_text("hello");
	CHECK(semel_test_outcome(semel_test_handle(t, &e)) == SEMEL_OK);
	e.attempt = 2;
	e.redelivered = true;		// as after a crash
	CHECK(semel_test_outcome(semel_test_handle(t, &e)) == SEMEL_OK);
	CHECK(semel_test_metric(t, "written_total") == 2);
	CHECK(semel_test_end(t) == 0);

	std::ifstream in(folder + "/6531");
	CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "hello");
	CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);
}

void says_what_is_wrong()
{
	semel_test *t = open_handler();
	semel_test_event e{};
	const std::string id(200, 'x');

	CHECK(semel_test_outcome(semel_test_handle(t, &e)) == SEMEL_SKIP);
	e.id = { id.data(), id.size() };
	e.payload = semel_text("x");
	semel_test_run *run = semel_test_handle(t, &e);
	CHECK(semel_test_outcome(run) == SEMEL_REJECT);
	CHECK(std::string(semel_test_why(run)).find("200 bytes") != std::string::npos);
	CHECK(semel_test_end(t) == 0);
}

void needs_its_folder()
{
	semel_test *t = semel_test_new(&semel_handler);

	semel_test_set(t, "folder", "/nonexistent");
	CHECK(semel_test_open(t) == -ENOENT);
	semel_test_set(t, "colour", "red");
	CHECK(semel_test_open(t) == -EINVAL);
	CHECK(std::string(semel_test_fault(t, 0)) == "plugin @NAME@ has no setting colour");
	CHECK(semel_test_end(t) == 0);
}

} // namespace

int main()
{
	char name[] = "/tmp/@NAME@-XXXXXX";

	CHECK(mkdtemp(name) != nullptr);
	folder = name;
	writes_each_event_once();
	says_what_is_wrong();
	needs_its_folder();
	fs::remove_all(folder);
}
