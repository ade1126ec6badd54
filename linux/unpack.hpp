// linux/unpack.hpp: compressed bytes, unpacked.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "linux/problem.hpp"

namespace quarry::lnx {

enum class Packing { gzip, xz, lzma, zstd, lz4, bzip2, lzo };
std::string_view name_of(Packing packing);

// By the first bytes.
std::optional<Packing> packing_of(std::span<const std::byte> bytes);

// No kernel is larger, and no file that unpacks to more is one.
inline constexpr std::size_t kMostUnpacked = std::size_t{512} << 20;

// Unpacks one stream; what follows it is left alone.
//
// Errors    malformed_input: a format without a reader (bzip2, lzo), bytes that are not what they begin as, a
//           stream that breaks off, more than `most` bytes.
Expected<std::vector<std::byte>> unpack(std::span<const std::byte> bytes, std::size_t most = kMostUnpacked);

}  // namespace quarry::lnx
