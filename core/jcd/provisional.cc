#include "core/jcd/provisional.h"

#include <algorithm>

namespace recrypt {
namespace {

// What a disk writes as a whole.
constexpr uint64_t kSector = 512;

}  // namespace

Result<bool> IsProvisional(StoredFile& file) {
  uint8_t mark = 0;
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(kProvisionalAt, {&mark, 1}));
  return got == 1 && mark == kProvisionalMark;
}

Result<bool> MayBeTornCreation(StoredFile& file) {
  ByteArray<kSlot0> header;
  RECRYPT_ASSIGN(const size_t got, file.ReadAt(0, header));
  if (got < header.size()) return false;
  if (header[kProvisionalAt] == kProvisionalMark) return true;
  for (size_t at = 0; at < header.size(); at += kSector) {
    const auto from = header.begin() + static_cast<ptrdiff_t>(at);
    const auto to =
        header.begin() + static_cast<ptrdiff_t>(std::min<size_t>(at + kSector, header.size()));
    if (std::all_of(from, to, [](uint8_t byte) { return byte == 0; })) return true;
  }
  return false;
}

Status ConfirmDurable(StoredFile& file) {
  RECRYPT_ASSIGN(const bool provisional, IsProvisional(file));
  if (!provisional) return {};
  return file.WriteAt(kProvisionalAt, {&kConfirmedMark, 1});
}

}  // namespace recrypt
