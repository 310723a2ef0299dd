// Secret: a byte string that is a key, a half or a passphrase.
//
//   Secret key = Secret::Random(32);
//   Seal(key.Reveal(), ...);           // every use of a secret's bytes spells Reveal
//
// The memory is locked (OpenSSL's secure heap when there is room, else mlock as far as the limit
// allows), left out of core dumps (a small one outside of the secure heap only by HardenProcess's
// limit), and wiped when the object dies; moving hands the memory over. Not copyable: Clone() says
// so where a second one is needed. Not printable. Not thread safe for writing.
#ifndef RECRYPT_CORE_BASE_SECRET_H_
#define RECRYPT_CORE_BASE_SECRET_H_

#include <cstddef>
#include <string>

#include "core/base/bytes.h"

namespace recrypt {

class Secret {
 public:
  Secret() = default;
  // Zero bytes of the given size, to be filled through RevealMutable().
  explicit Secret(size_t size);
  static Secret CopyOf(ByteSpan bytes);
  static Secret Random(size_t size);
  // Copies and then wipes the source.
  static Secret TakeFrom(Bytes& bytes);
  static Secret TakeFrom(std::string& text);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteSpan Reveal() const { return {data_, size_}; }
  MutableByteSpan RevealMutable() { return {data_, size_}; }
  Secret Clone() const { return CopyOf(Reveal()); }
  bool Equals(const Secret& other) const { return ConstantTimeEqual(Reveal(), other.Reveal()); }

 private:
  void Clear();

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Overwrites memory in a way that the compiler does not drop.
void Wipe(void* data, size_t size);
void Wipe(std::string& text);
void Wipe(Bytes& bytes);

// Prepares the process for holding secrets: the secure heap (up to 4 MiB, as far as the limit on
// locked memory allows; its pages stand in no dump) and a core limit of 0. Call once at the start
// of main, before other threads; harmless when a limit refuses a part of it. The process stays
// "dumpable" (prctl): otherwise /proc/self belongs to root, and the /proc/self/fd paths through
// which the mount reaches files could not be opened.
void HardenProcess();

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_SECRET_H_
