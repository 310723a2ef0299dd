#include "core/jcd/verify_all.h"

namespace recrypt {
namespace {

constexpr size_t kVerifiedAtOnce = size_t{512} << 10;

}  // namespace

Status VerifyAll(Document& document) {
  Bytes buffer(kVerifiedAtOnce);
  for (uint64_t offset = 0;;) {
    auto data = document.SeekData(offset);
    if (!data && data.error().code == ErrorCode::kNotFound) return {};
    if (!data) return Fail(std::move(data.error()));
    RECRYPT_ASSIGN(const uint64_t end, document.SeekHole(*data));
    for (offset = *data; offset < end;) {
      RECRYPT_ASSIGN(const size_t size, document.Read(offset, buffer));
      if (size == 0) return {};
      offset += size;
    }
  }
}

}  // namespace recrypt
