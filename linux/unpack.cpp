#include "linux/unpack.hpp"

#include <fmt/format.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "linux/byte_reader.hpp"

namespace quarry::lnx {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

struct Magic {
  Packing packing;
  std::string_view bytes;
};
using namespace std::string_view_literals;
constexpr Magic kMagics[] = {
    {Packing::gzip, "\x1f\x8b\x08"sv},
    {Packing::xz,
     "\xfd"
     "7zXZ\0"sv},
    {Packing::zstd, "\x28\xb5\x2f\xfd"sv},
    {Packing::lz4, "\x02\x21\x4c\x18"sv},
    {Packing::bzip2, "BZh"sv},
    {Packing::lzo, "\x89LZO\0\r\n\x1a\n"sv},
    {Packing::lzma, "\x5d\0\0"sv},
};

Problem broken(Packing packing, std::string_view what) {
  return {ExitStatus::malformed_input, fmt::format("its {} data {}", name_of(packing), what)};
}

// Unpacked bytes, as many as are allowed.
class Output {
 public:
  explicit Output(std::size_t most) : most_{most} {}
  // Room for a next block; what of it is not used is given back by keep().
  std::span<std::byte> block(std::size_t size = kBlock) {
    used_ = bytes_.size();
    bytes_.resize(used_ + size);
    return std::span{bytes_}.subspan(used_);
  }
  // False: that is too much.
  bool keep(std::size_t size) {
    bytes_.resize(used_ + size);
    return bytes_.size() <= most_;
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0, most_;
};

constexpr std::string_view kTooMuch = "unpacks to more than a kernel has: expected at most 512 MiB";
constexpr std::string_view kEndsEarly = "breaks off before its end";
constexpr std::string_view kDamaged = "is damaged";

Expected<std::vector<std::byte>> unpack_gzip(std::span<const std::byte> bytes, std::size_t most) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  if (inflateInit2(&stream, gzip_window) != Z_OK) return broken(Packing::gzip, "needs more memory");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end{&stream, &inflateEnd};
  std::vector<Bytef> copy(kBlock);  // zlib's input is not const
  Output output{most};
  for (int state = Z_OK; state != Z_STREAM_END;) {
    if (stream.avail_in == 0 && !bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), kBlock);
      std::transform(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size), copy.begin(),
                     [](std::byte byte) { return static_cast<Bytef>(byte); });
      bytes = bytes.subspan(size);
      stream.next_in = copy.data();
      stream.avail_in = static_cast<uInt>(size);
    }
    const auto block = output.block();
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const bool is_last = stream.avail_in == 0;
    state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = block.size() - stream.avail_out;
    if (!output.keep(made)) return broken(Packing::gzip, kTooMuch);
    if (is_last && made == 0 && state != Z_STREAM_END) return broken(Packing::gzip, kEndsEarly);
    if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
      return broken(Packing::gzip, kDamaged);
  }
  return output.take();
}

Expected<std::vector<std::byte>> unpack_xz(Packing packing, std::span<const std::byte> bytes,
                                           std::size_t most) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> end{&stream, &lzma_end};
  const std::uint64_t memory = 2 * kMostUnpacked;
  const auto ready =
      packing == Packing::xz ? lzma_stream_decoder(&stream, memory, 0) : lzma_alone_decoder(&stream, memory);
  if (ready != LZMA_OK) return broken(packing, "needs more memory");
  stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  stream.avail_in = bytes.size();
  Output output{most};
  for (lzma_ret state = LZMA_OK; state != LZMA_STREAM_END;) {
    const auto block = output.block();
    stream.next_out = reinterpret_cast<std::uint8_t*>(block.data());
    stream.avail_out = block.size();
    state = lzma_code(&stream, LZMA_RUN);
    const std::size_t made = block.size() - stream.avail_out;
    if (!output.keep(made)) return broken(packing, kTooMuch);
    if (state == LZMA_BUF_ERROR || (state == LZMA_OK && stream.avail_in == 0 && made == 0))
      return broken(packing, kEndsEarly);
    if (state != LZMA_OK && state != LZMA_STREAM_END) return broken(packing, kDamaged);
  }
  return output.take();
}

Expected<std::vector<std::byte>> unpack_zstd(std::span<const std::byte> bytes, std::size_t most) {
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream{ZSTD_createDStream(),
                                                                          &ZSTD_freeDStream};
  if (stream == nullptr) return broken(Packing::zstd, "needs more memory");
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  Output output{most};
  for (std::size_t state = 1; state != 0;) {
    const auto block = output.block();
    ZSTD_outBuffer out{block.data(), block.size(), 0};
    state = ZSTD_decompressStream(stream.get(), &out, &in);
    if (!output.keep(out.pos)) return broken(Packing::zstd, kTooMuch);
    if (ZSTD_isError(state) != 0) return broken(Packing::zstd, kDamaged);
    if (state != 0 && in.pos == in.size && out.pos < out.size) return broken(Packing::zstd, kEndsEarly);
  }
  return output.take();
}

// The legacy frame, which kernels use: magic, then blocks of at most 8 MiB, each with its packed size before it.
// Nothing marks the end, and a kernel's build appends four bytes.
Expected<std::vector<std::byte>> unpack_lz4(std::span<const std::byte> bytes, std::size_t most) {
  constexpr std::size_t block_bytes = std::size_t{8} << 20;
  const ByteReader input{bytes};
  Output output{most};
  std::size_t at = 4;
  while (const auto size = input.u32(at)) {
    at += 4;
    const auto packed = input.part(at, *size);
    if (at == bytes.size() && at > 8) break;  // the appended length
    if (!packed) return broken(Packing::lz4, kEndsEarly);
    at += *size;
    const auto block = output.block(block_bytes);
    const int made = LZ4_decompress_safe(reinterpret_cast<const char*>(packed->data()),
                                         reinterpret_cast<char*>(block.data()),
                                         static_cast<int>(packed->size()), static_cast<int>(block.size()));
    if (made <= 0) return broken(Packing::lz4, kDamaged);
    if (!output.keep(static_cast<std::size_t>(made))) return broken(Packing::lz4, kTooMuch);
  }
  auto made = output.take();
  if (made.empty()) return broken(Packing::lz4, kEndsEarly);
  return made;
}

}  // namespace

std::string_view name_of(Packing packing) {
  constexpr std::array names = {"gzip"sv, "xz"sv, "lzma"sv, "zstd"sv, "lz4"sv, "bzip2"sv, "lzo"sv};
  return names[static_cast<std::size_t>(packing)];
}

std::optional<Packing> packing_of(std::span<const std::byte> bytes) {
  for (const Magic& magic : kMagics)
    if (ByteReader{bytes}.has(0, magic.bytes)) return magic.packing;
  return std::nullopt;
}

Expected<std::vector<std::byte>> unpack(std::span<const std::byte> bytes, std::size_t most) {
  const auto packing = packing_of(bytes);
  if (!packing)
    return Problem{ExitStatus::malformed_input,
                   "compressed in an unknown way: expected gzip, xz, lzma, zstd or lz4"};
  switch (*packing) {
    case Packing::gzip: return unpack_gzip(bytes, most);
    case Packing::xz:
    case Packing::lzma: return unpack_xz(*packing, bytes, most);
    case Packing::zstd: return unpack_zstd(bytes, most);
    case Packing::lz4: return unpack_lz4(bytes, most);
    case Packing::bzip2:
    case Packing::lzo: break;
  }
  return Problem{ExitStatus::malformed_input,
                 fmt::format("compressed by {}: expected gzip, xz, lzma, zstd or lz4", name_of(*packing))};
}

}  // namespace quarry::lnx
