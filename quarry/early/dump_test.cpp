#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

struct Page {
  char text[2048];
  std::size_t size = 0;
  static void write(void* self, const char* text, std::size_t size) noexcept {
    Page& page = *static_cast<Page*>(self);
    for (std::size_t i = 0; i < size && page.size < sizeof page.text; ++i) page.text[page.size++] = text[i];
  }
};

void expect_dump(const Memblock& m, TextView want, Site site = Site::here()) noexcept {
  Page page;
  TextSink sink{&page, &Page::write};
  m.dump_all(sink);
  expect(TextView{page.text, page.size} == want, site);
}

TEST(a_dump_has_linuxs_words) {
  Region memory[4], reserved[4];
  Memblock m{{}, {memory, reserved}};
  expect_done(m.add(bytes(0x1000, 0x9f000), "ram", Flags::none, NodeId{1}));
  expect_done(m.add(bytes(0x100000, 0x140000), "ram", Flags::nomap));
  expect_done(m.reserve(bytes(0, 0x1f), "r"));
  expect_dump(
      m,
      "MEMBLOCK configuration:\n"
      " memory size = 0x00000000000de000 reserved size = 0x000000000000001f\n"
      " memory.cnt  = 0x2\n"
      " memory[0x0]\t[0x0000000000001000-0x000000000009efff], 0x000000000009e000 bytes on node 1 flags: 0x0\n"
      " memory[0x1]\t[0x0000000000100000-0x000000000013ffff], 0x0000000000040000 bytes flags: 0x4\n"
      " reserved.cnt  = 0x1\n"
      " reserved[0x0]\t[0x0000000000000000-0x000000000000001e], 0x000000000000001f bytes flags: 0x0\n");
}

TEST(a_dump_of_nothing_shows_the_region_of_no_bytes) {
  Region memory[4], reserved[4];
  Memblock m{{.phys_addr_bits = 32, .numa = Numa::absent}, {memory, reserved}};
  expect_dump(m,
              "MEMBLOCK configuration:\n"
              " memory size = 0x00000000 reserved size = 0x00000000\n"
              " memory.cnt  = 0x1\n"
              " memory[0x0]\t[0x00000000-0xffffffff], 0x00000000 bytes flags: 0x0\n"
              " reserved.cnt  = 0x1\n"
              " reserved[0x0]\t[0x00000000-0xffffffff], 0x00000000 bytes flags: 0x0\n");
}

}  // namespace
}  // namespace quarry::early
