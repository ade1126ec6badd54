// linux/file_bytes.hpp: whole files as bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace quarry::lnx {

// Descriptions of machines are small; what is larger is something else, or has no end.
inline constexpr std::size_t kLargestFile = std::size_t{256} << 20;

// The file's contents; none if it cannot be opened or read, or is larger than `most`.
std::optional<std::vector<std::byte>> read_file(const std::filesystem::path& path,
                                                std::size_t most = kLargestFile);
// What is left of a stream; none as above.
std::optional<std::vector<std::byte>> read_all(std::istream& in, std::size_t most = kLargestFile);

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace quarry::lnx
