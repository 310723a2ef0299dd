#include "core/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace recrypt {
namespace {

constexpr size_t kSecureHeapSize = size_t{4} << 20;
constexpr size_t kSmallestSecureHeap = size_t{64} << 10;
constexpr size_t kSmallestAllocation = 32;

size_t PageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Whole pages of our own, so that locking them and leaving them out of dumps concerns no one else;
// both are best effort, and so is the secure heap that this stands in for.
uint8_t* MapPages(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  (void)mlock(memory, size);
  (void)madvise(memory, size, MADV_DONTDUMP);
  return static_cast<uint8_t*>(memory);
}

// Where a secret's memory came from is asked again when it goes: the secure heap knows its own,
// and whether a size is mapped follows from the size alone.
uint8_t* Allocate(size_t size) {
  if (CRYPTO_secure_malloc_initialized() != 0) {
    if (void* memory = OPENSSL_secure_zalloc(size)) return static_cast<uint8_t*>(memory);
  }
  if (size >= PageSize()) return MapPages(size);
  void* memory = std::calloc(1, size);
  if (memory == nullptr) throw std::bad_alloc();
  (void)mlock(memory, size);
  return static_cast<uint8_t*>(memory);
}

void Release(uint8_t* data, size_t size) {
  if (CRYPTO_secure_allocated(data) != 0) {
    OPENSSL_secure_clear_free(data, size);
    return;
  }
  Wipe(data, size);
  if (size >= PageSize()) {
    munmap(data, size);
  } else {
    std::free(data);  // the page stays locked: another secret may stand on it
  }
}

}  // namespace

Secret::Secret(size_t size) : data_(size == 0 ? nullptr : Allocate(size)), size_(size) {}

Secret Secret::CopyOf(ByteSpan bytes) {
  Secret secret(bytes.size());
  if (!bytes.empty()) std::memcpy(secret.data_, bytes.data(), bytes.size());
  return secret;
}

Secret Secret::Random(size_t size) {
  Secret secret(size);
  if (size > static_cast<size_t>(std::numeric_limits<int>::max())) std::abort();
  // Without random numbers nothing that follows could be safe.
  if (size != 0 && RAND_priv_bytes(secret.data_, static_cast<int>(size)) != 1) std::abort();
  return secret;
}

Secret Secret::TakeFrom(Bytes& bytes) {
  Secret secret = CopyOf(bytes);
  Wipe(bytes);
  return secret;
}

Secret Secret::TakeFrom(std::string& text) {
  Secret secret = CopyOf(AsBytes(text));
  Wipe(text);
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Clear();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Clear(); }

void Secret::Clear() {
  if (data_ != nullptr) Release(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

void Wipe(void* data, size_t size) {
  if (size != 0) OPENSSL_cleanse(data, size);
}

void Wipe(std::string& text) {
  Wipe(text.data(), text.size());
  text.clear();
}

void Wipe(Bytes& bytes) {
  Wipe(bytes.data(), bytes.size());
  bytes.clear();
}

void HardenProcess() {
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  rlimit lockable{};
  size_t size = kSecureHeapSize;
  // Half of what may be locked is left to secrets outside of the heap, such as mapped ones.
  if (getrlimit(RLIMIT_MEMLOCK, &lockable) == 0 && lockable.rlim_cur != RLIM_INFINITY) {
    while (size > kSmallestSecureHeap && size > lockable.rlim_cur / 2) size /= 2;
  }
  (void)CRYPTO_secure_malloc_init(size, kSmallestAllocation);
}

}  // namespace recrypt
