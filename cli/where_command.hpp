// cli/where_command.hpp: `quarry where`: the life of one address.
#pragma once

#include <string>

#include "cli/life_reader.hpp"
#include "cli/options.hpp"

namespace quarry::cli {

struct WhereOptions {
  BootOptions boot;  // machine, mode, format, output
  LifeQuestion question;
};
extern const char* const kWhereExamples;

// "0x7123456", "7123456", "112M", "pfn:0x7123". Hexadecimal; with a suffix K, M, G or T decimal unless it begins with 0x.
//
// Errors    bad_arguments: none of these; more than 64 bits; a page frame of a virtual address.
lnx::Expected<LifeQuestion> read_question(std::string_view text, bool is_virtual);

// Returns   the exit status.
int run_where(const WhereOptions& options);

}  // namespace quarry::cli
