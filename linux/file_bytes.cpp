#include "linux/file_bytes.hpp"

#include <fstream>

namespace quarry::lnx {

std::optional<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::size_t most) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return std::nullopt;
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > most) return std::nullopt;
  return read_all(file, most);
}

std::optional<std::vector<std::byte>> read_all(std::istream& in, std::size_t most) {
  std::vector<std::byte> bytes;
  char block[1 << 14];
  while (in.read(block, sizeof block) || in.gcount() > 0) {
    const auto* const first = reinterpret_cast<const std::byte*>(block);
    bytes.insert(bytes.end(), first, first + in.gcount());
    if (bytes.size() > most) return std::nullopt;
  }
  if (in.bad()) return std::nullopt;
  return bytes;
}

}  // namespace quarry::lnx
