// HeaderCache: the headers of documents as they were parsed, under the digest of their bytes: a
// document that is opened again costs no parsing (some 60 us, JSON and the point's checks).
//
//   RECRYPT_ASSIGN(std::shared_ptr<const Header> header, headers.Parse(region));
//
// Headers hold nothing secret. At most 2,048 of them, some 2 KiB each under one label. Thread
// safe.
#ifndef RECRYPT_FS_HEADER_CACHE_H_
#define RECRYPT_FS_HEADER_CACHE_H_

#include <algorithm>
#include <memory>

#include "core/crypto/recent_by_digest.h"
#include "core/jcd/geometry.h"
#include "core/jcd/header.h"

namespace recrypt {

class HeaderCache {
 public:
  // As ParseHeader.
  Result<std::shared_ptr<const Header>> Parse(ByteSpan region) {
    const Sha256Digest digest = DigestOf(region);
    if (auto known = recent_.Find(digest)) return *known;
    RECRYPT_ASSIGN(Header header, ParseHeader(region));
    auto parsed = std::make_shared<const Header>(std::move(header));
    recent_.Add(digest, parsed);
    return parsed;
  }

  // A header that was made here; `region` is what will be stored.
  std::shared_ptr<const Header> Keep(ByteSpan region, Header header) {
    auto kept = std::make_shared<const Header>(std::move(header));
    recent_.Add(DigestOf(region), kept);
    return kept;
  }

 private:
  // The slots behind the header change with every commit.
  static Sha256Digest DigestOf(ByteSpan region) {
    return Sha256(region.first(std::min<size_t>(region.size(), kSlot0)));
  }

  RecentByDigest<std::shared_ptr<const Header>> recent_{1024};
};

}  // namespace recrypt

#endif  // RECRYPT_FS_HEADER_CACHE_H_
