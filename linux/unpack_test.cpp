// What kernels are packed with, unpacked; and streams that are damaged, break off, or unpack to more than is allowed.
#include "linux/unpack.hpp"

#include <gtest/gtest.h>
#include <lz4.h>
#include <lzma.h>
#include <zstd.h>

#include "linux/file_bytes.hpp"
#include "linux/test_kernels.hpp"

namespace quarry::lnx {
namespace {

using testing::FileBytes;

FileBytes some_bytes(std::size_t size) {
  FileBytes bytes(size);
  std::uint32_t state = 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>((state >> 24) % 7);
  }
  return bytes;
}

FileBytes pack_xz(const FileBytes& bytes) {
  FileBytes packed(bytes.size() + 4096);
  std::size_t used = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, nullptr,
                                    reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                                    reinterpret_cast<std::uint8_t*>(packed.data()), &used, packed.size()),
            LZMA_OK);
  packed.resize(used);
  return packed;
}

FileBytes pack_zstd(const FileBytes& bytes) {
  FileBytes packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  return packed;
}

// As a kernel's build does: blocks, and the unpacked length behind them.
FileBytes pack_lz4(const FileBytes& bytes) {
  testing::Image image;
  image.number(0, 0x184c2102, 4);
  constexpr std::size_t most = std::size_t{8} << 20;
  for (std::size_t at = 0; at < bytes.size(); at += most) {
    const int size = static_cast<int>(std::min(most, bytes.size() - at));
    FileBytes block(static_cast<std::size_t>(LZ4_compressBound(size)));
    block.resize(static_cast<std::size_t>(
        LZ4_compress_default(reinterpret_cast<const char*>(bytes.data() + at),
                             reinterpret_cast<char*>(block.data()), size, static_cast<int>(block.size()))));
    image.number(image.bytes.size(), block.size(), 4);
    image.put(image.bytes.size(), block);
  }
  image.number(image.bytes.size(), bytes.size(), 4);
  return image.bytes;
}

struct Packed {
  Packing packing;
  FileBytes bytes;
};
std::vector<Packed> all_packings(const FileBytes& bytes) {
  return {{Packing::gzip, testing::gzip(bytes)},
          {Packing::xz, pack_xz(bytes)},
          {Packing::zstd, pack_zstd(bytes)},
          {Packing::lz4, pack_lz4(bytes)}};
}

TEST(Unpack, gives_back_what_was_packed_and_leaves_what_follows) {
  const FileBytes bytes = some_bytes(300'123);
  for (Packed& packed : all_packings(bytes)) {
    EXPECT_EQ(packing_of(packed.bytes), packed.packing);
    if (packed.packing != Packing::lz4) packed.bytes.resize(packed.bytes.size() + 4);
    const auto unpacked = unpack(packed.bytes);
    ASSERT_TRUE(unpacked) << name_of(packed.packing) << ": " << unpacked.problem().text;
    EXPECT_TRUE(*unpacked == bytes) << name_of(packed.packing);
  }
}

TEST(Unpack, joins_the_blocks_of_lz4) {
  const FileBytes bytes = some_bytes((std::size_t{9} << 20) + 123);
  const auto unpacked = unpack(pack_lz4(bytes));
  ASSERT_TRUE(unpacked) << unpacked.problem().text;
  EXPECT_TRUE(*unpacked == bytes);
}

TEST(Unpack, stops_at_the_most_that_is_allowed) {
  const FileBytes zeros(std::size_t{16} << 20);
  for (const Packed& packed : all_packings(zeros)) {
    const auto unpacked = unpack(packed.bytes, std::size_t{1} << 20);
    ASSERT_FALSE(unpacked) << name_of(packed.packing);
    EXPECT_NE(unpacked.problem().text.find("more than a kernel has"), std::string::npos)
        << unpacked.problem().text;
  }
}

TEST(Unpack, refuses_streams_that_break_off_or_are_damaged) {
  for (const Packed& packed : all_packings(some_bytes(20'000))) {
    for (std::size_t size = 4; size + 8 < packed.bytes.size(); size += 1 + packed.bytes.size() / 40) {
      const FileBytes part(packed.bytes.begin(), packed.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const auto unpacked = unpack(part);
      ASSERT_FALSE(unpacked && *unpacked == some_bytes(20'000)) << name_of(packed.packing) << " " << size;
    }
    FileBytes damaged = packed.bytes;
    for (std::size_t at = 40; at < 60; ++at) damaged[at] ^= std::byte{0xff};
    const auto unpacked = unpack(damaged);
    EXPECT_FALSE(unpacked && *unpacked == some_bytes(20'000)) << name_of(packed.packing);
  }
}

TEST(Unpack, names_the_packings_that_it_has_no_reader_for) {
  const auto bzip2 = unpack(testing::bytes_of("BZh91AY&SY"));
  ASSERT_FALSE(bzip2);
  EXPECT_NE(bzip2.problem().text.find("bzip2"), std::string::npos);
  const auto lzo = unpack(testing::bytes_of(std::string_view{"\x89LZO\0\r\n\x1a\n", 9}));
  ASSERT_FALSE(lzo);
  EXPECT_NE(lzo.problem().text.find("lzo"), std::string::npos);
  EXPECT_FALSE(unpack({}));
  EXPECT_FALSE(packing_of(testing::bytes_of("words")));
}

}  // namespace
}  // namespace quarry::lnx
