// linux/ledger_rules.hpp: the buckets of the ledger by name: what each is, which rule of Linux fills it, and what comes back.
//
//   event  crashkernel takes 256 MiB in reserve_crashkernel        memblock's words
//   claim  "crashkernel", "memblock_phys_alloc_range in reserve_crashkernel, crashkernel=256M"
//
// Names are those of the flow's owners where these say enough; a table of ACPI's is called one here.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "linux/ledger.hpp"
#include "quarry/boot/machine.hpp"

namespace quarry::lnx {

struct Bucket {
  std::string_view owner;     // a '*' at the end stands for a name of somebody else's
  std::string_view about;     // one clause for people
  std::string_view function;  // of Linux that fills it; empty: memblock's own, by what the event does
  std::string_view option{};  // of the command line that decides on it
  std::string_view back{};    // the function that gives it to the page allocator; empty: none does
};

// All there are but what a tree or a device calls its own.
std::span<const Bucket> buckets();
// Options that wanted it so may follow a name. Null: none of that name.
const Bucket* bucket_of(std::string_view owner);

// When an event was, and what the machine was told.
struct Occasion {
  boot::Arch arch = boot::Arch::x86_64;
  std::string_view step;  // of the flow; empty: after it
  std::string_view command_line;
};

// The name and the rule of what an event takes, removes or hides.
//
// Law       neither is empty.
Claim claim_of(const early::Event& event, const Occasion& occasion);

// Those options of the command line, in its order: "mem=512M, memmap=4K$1G"; empty where it has none of them.
std::string options_in(std::string_view command_line, std::initializer_list<std::string_view> names);
// "a in b", or one of them where they are the same or one is empty.
std::string in_step(std::string_view function, std::string_view step);
// "a, b", or one of them where the other is empty.
std::string listed(std::string_view a, std::string_view b);

}  // namespace quarry::lnx
