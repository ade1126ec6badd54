#include "cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace quarry::cli {
namespace {

namespace fs = std::filesystem;

// Whether everything was written.
bool write_all(std::FILE* file, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
}

lnx::Problem cannot_write(const std::string& path) {
  return {lnx::ExitStatus::bad_arguments,
          fmt::format("{}: cannot be written: {}", path, std::strerror(errno))};
}

std::optional<lnx::Problem> write_into(const std::string& path, std::string_view text) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return cannot_write(path);
  const bool written = write_all(file, text) || errno == EPIPE;
  const auto problem = cannot_write(path);
  const bool closed = std::fclose(file) == 0;
  return written && closed ? std::nullopt : std::optional{problem};
}

}  // namespace

std::optional<lnx::Problem> write_output(const std::string& path, std::string_view text) {
  if (path.empty()) {
    if (write_all(stdout, text) || errno == EPIPE) return std::nullopt;  // a reader may stop when it likes
    return cannot_write("standard output");
  }
  std::error_code error;
  const fs::path target = fs::weakly_canonical(path, error);  // a link's file is replaced, not the link
  const fs::file_status status = fs::status(path, error);
  // A device or a pipe takes what is written to it; to put a file in its place would be no favour.
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_into(path, text);
  const std::string beside = fmt::format("{}.{}.part", target.string(), ::getpid());
  std::FILE* const file = std::fopen(beside.c_str(), "wb");
  if (file == nullptr) return cannot_write(path);
  const bool written = write_all(file, text);
  const bool closed = std::fclose(file) == 0;
  if (written && closed && std::rename(beside.c_str(), target.c_str()) == 0) return std::nullopt;
  const auto problem = cannot_write(path);
  std::remove(beside.c_str());
  return problem;
}

int complain(const lnx::Problem& problem) {
  fmt::print(stderr, "quarry: {}\n", problem.text);
  return static_cast<int>(problem.exit_status);
}

}  // namespace quarry::cli
