// shell/shell.hpp: commands on a machine that is up, from a console.
#pragma once

#include "quarry/view/mem_info.hpp"
#include "shell/address_space.hpp"
#include "shell/book.hpp"
#include "shell/made_caches.hpp"
#include "shell/steps.hpp"
#include "shell/words.hpp"

namespace quarry::shell {

// Takes the words that may continue a line, one by one.
struct Offers {
  void* self;
  void (*offer)(void* self, TextView word) noexcept;
};

class Shell {
 public:
  // All that is given outlives this. From here on the shell moves pages for the machine, until it ends.
  // `addresses`: null where the machine has none.
  Shell(Machine& machine, Console& console, StepTeller& teller, const Memory& memory,
        AddressSpace* addresses = nullptr) noexcept;
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;
  // The caches that were made here go, and with them their objects.
  ~Shell();

  // Reads lines until there are no more, or one says quit.
  void run() noexcept;
  // One line. Returns false when it was the last.
  bool execute(TextView line) noexcept;
  // A line was not understood; a law of the memory system is broken.
  bool has_bad_lines() const noexcept { return has_bad_lines_; }
  bool has_findings() const noexcept { return has_findings_; }

  // The words that begin so and may follow `words`.
  static void complete(const Words& words, TextView begin, const Offers& offers) noexcept;

 private:
  struct Command {
    const char* name;
    const char* arguments;
    const char* about;
    void (Shell::*run)(const Words& words) noexcept;
    std::size_t least, most;  // arguments
  };
  static std::span<const Command> commands() noexcept;
  static const Command* find(TextView name) noexcept;

  struct Objects {
    PhysAddr first{}, last{};
  };

  // A block that this shell has, as the book notes it.
  struct Block {
    Order order;
    page::MigrateType type;
    std::uint64_t packed() const noexcept { return order.raw() | static_cast<std::uint64_t>(type) << 8; }
    static Block of(std::uint64_t packed) noexcept {
      return {Order{static_cast<unsigned>(packed & 0xff)}, static_cast<page::MigrateType>(packed >> 8)};
    }
  };
  struct SinglePages {
    Pfn first, last;
  };

  // An object that this shell has, as the book notes it: of a cache, or bytes asked of kmalloc.
  struct Object {
    std::uint64_t bytes = 0;
    std::optional<CacheId> cache{};
    static constexpr std::uint64_t kOfCache = std::uint64_t{1} << 63;
    std::uint64_t packed() const noexcept {
      return cache ? kOfCache | static_cast<std::uint64_t>(*cache) : bytes;
    }
    static Object of(std::uint64_t packed) noexcept {
      if ((packed & kOfCache) == 0) return {packed, std::nullopt};
      return {0, static_cast<CacheId>(static_cast<std::uint16_t>(packed))};
    }
  };

  // A line on its way out, from the first piece to the end of the statement that writes it.
  class Line {
   public:
    Line(TextSink out, const Style* style) noexcept : out_{out}, style_{style} {
      if (style_ != nullptr) style_->begin(out_, Ink::warning);
    }
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    ~Line() {
      if (style_ != nullptr) style_->end(out_);
      out_.put('\n');
    }
    TextSink* operator->() noexcept { return &out_; }
    TextSink& operator*() noexcept { return out_; }

   private:
    TextSink out_;
    const Style* style_;  // null: what is said, not a complaint
  };
  Line say() noexcept {
    teller_.rest();
    return Line{console_.out(), nullptr};
  }
  // A request that is refused.
  Line refuse() noexcept {
    teller_.rest();
    return Line{console_.complaints(), &style_};
  }
  // A line that makes no sense. The shell goes on.
  Line bad_line() noexcept {
    has_bad_lines_ = true;
    return refuse();
  }
  void unknown_command(TextView name) noexcept;
  void no_memory_to_note() noexcept;

  // read.cpp: what a word asks for; none: it makes no sense, and that was said.
  std::optional<std::uint64_t> number_of(TextView word, TextView what) noexcept;
  std::optional<Order> order_of(TextView word) noexcept;
  std::optional<unsigned> core_of(TextView word) noexcept;
  std::optional<page::MigrateType> type_of(const Words& words, std::size_t at) noexcept;
  std::optional<PfnRange> range_of(const Words& words, std::size_t at = 1) noexcept;
  std::optional<std::size_t> area_of(TextView word) noexcept;
  std::optional<buddy::Request> request_of(const Words& words, std::size_t first,
                                           buddy::Request request = {}) noexcept;
  std::optional<ObjectRequest> object_request_of(const Words& words, std::size_t first) noexcept;
  std::optional<CacheId> cache_of(TextView name) noexcept;
  bool read_node(TextView word, buddy::Request& request) noexcept;
  bool has_node(NodeId node) noexcept;

  // pages.cpp
  void alloc_pages(const Words& words) noexcept;
  void free_pages(const Words& words) noexcept;
  void alloc_bulk(const Words& words) noexcept;
  void alloc_exact(const Words& words) noexcept;
  void free_exact(const Words& words) noexcept;
  void free_all(const Words& words) noexcept;
  void held(const Words& words) noexcept;
  std::uint64_t take_singly(std::span<Pfn> into, std::uint64_t count, const buddy::Request& request,
                            SinglePages& ends) noexcept;
  void note_single(Pfn page, const buddy::Request& request) noexcept;
  void say_singly(PfnRange pages) noexcept;
  Line refuse_request(Order order, const buddy::Request& request) noexcept;
  void refuse_free(Pfn page, Error error) noexcept;
  void put_place(TextSink& out, Pfn page) const noexcept;
  bool move(Pfn from, Pfn to, Order order) noexcept;

  // objects.cpp
  void kmalloc(const Words& words) noexcept;
  void kzalloc(const Words& words) noexcept;
  void krealloc(const Words& words) noexcept;
  void kfree(const Words& words) noexcept;
  void ksize(const Words& words) noexcept;
  void kmem_cache_alloc(const Words& words) noexcept;
  void kmem_cache_free(const Words& words) noexcept;
  void hand_out(const Words& words, Content content) noexcept;
  void say_usable(PhysAddr object) noexcept;
  std::uint64_t take_objects(CacheId cache, std::span<PhysAddr> into, std::uint64_t count,
                             const slab::Where& where, Objects& ends) noexcept;
  bool free_object(PhysAddr object) noexcept;
  std::uint64_t free_objects(std::optional<CacheId> cache) noexcept;
  void refuse_object(PhysAddr object, const ObjectLook& look) noexcept;
  void refuse_bytes(std::uint64_t bytes, const slab::Where& where) noexcept;
  void held_object(const Book::Entry& entry) noexcept;

  // caches.cpp
  void kmem_cache_create(const Words& words) noexcept;
  void kmem_cache_destroy(const Words& words) noexcept;
  void kmem_cache_shrink(const Words& words) noexcept;
  bool read_cache_word(TextView word, slab::CacheSpec& spec) noexcept;
  void say_created(TextView name, CacheId id) noexcept;
  void say_destroyed(MadeCaches::Made& made, CacheId id) noexcept;
  void forget_caches() noexcept;

  // addresses.cpp
  void vmalloc(const Words& words) noexcept;
  void vzalloc(const Words& words) noexcept;
  void vfree(const Words& words) noexcept;
  void vmap(const Words& words) noexcept;
  void vunmap(const Words& words) noexcept;
  void ioremap(const Words& words) noexcept;
  void iounmap(const Words& words) noexcept;
  void purge(const Words& words) noexcept;
  void translate(const Words& words) noexcept;
  void vmallocinfo(const Words& words) noexcept;
  AddressSpace* addresses() noexcept;
  TextSink& put_address(TextSink& out, std::uint64_t address) noexcept;
  void note_area(vm::VirtAddr at) noexcept;
  void map_memory(const Words& words, Content content) noexcept;
  void refuse_area(Bytes size, Error error) noexcept;
  void unmap(TextView word, vm::AreaKind kind) noexcept;
  std::uint64_t free_areas() noexcept;
  void held_area(const Book::Entry& entry) noexcept;

  // slabtop.cpp
  void slabtop(const Words& words) noexcept;
  bool draw_caches(std::size_t most, TextView clear) noexcept;
  void watch_caches(std::uint64_t rounds) noexcept;

  // ranges.cpp
  void isolate(const Words& words) noexcept;
  void undo_isolation(const Words& words) noexcept;
  void alloc_range(const Words& words) noexcept;
  void free_range(const Words& words) noexcept;
  void cma(const Words& words) noexcept;
  void cma_alloc(const Words& words) noexcept;
  void cma_release(const Words& words) noexcept;
  void drain(const Words& words) noexcept;
  void cpu(const Words& words) noexcept;

  // views.cpp
  void buddyinfo(const Words& words) noexcept;
  void pagetypeinfo(const Words& words) noexcept;
  void zoneinfo(const Words& words) noexcept;
  void slabinfo(const Words& words) noexcept;
  void extfrag(const Words& words) noexcept;
  void unusable(const Words& words) noexcept;
  void meminfo(const Words& words) noexcept;
  void memblock(const Words& words) noexcept;
  void iomem(const Words& words) noexcept;
  void why(const Words& words) noexcept;
  void page(const Words& words) noexcept;
  void stats(const Words& words) noexcept;
  void audit(const Words& words) noexcept;
  void policy(const Words& words) noexcept;
  void step(const Words& words) noexcept;
  void help(const Words& words) noexcept;
  void quit(const Words& words) noexcept;
  std::size_t populated() const noexcept;
  std::optional<std::span<const view::CountedZone>> counted() noexcept;
  std::optional<std::span<const view::RefusingZone>> refusing(const view::FailedRequest& failed) noexcept;
  void explain(const view::FailedRequest& failed) noexcept;

  Machine& machine_;
  AddressSpace* const addresses_;
  Console& console_;
  StepTeller& teller_;
  const Memory granted_;
  const Memory memory_;  // the same, with no step told of what the shell itself takes
  const Style style_;
  Book held_;     // by page: a block that this shell has
  Book objects_;  // by physical address: an object that this shell has
  Book areas_;    // by virtual address: an area that this shell has, and its kind
  MadeCaches made_;
  Note failure_;  // why the last refusal was one, as it was at that moment
  Room<view::CountedZone> counted_;
  Room<PageCount> on_core_;  // of what counted() gave last
  Room<view::RefusingZone> refusing_;
  Room<CacheLook> caches_;
  bool is_over_ = false, has_bad_lines_ = false, has_findings_ = false;
};

}  // namespace quarry::shell
