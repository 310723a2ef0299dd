// New headers for documents that are there: under the current keys of their labels, or under
// another expression, with a fresh data key for what is written from then on (docs/FORMAT.md, 2).
//
//   RECRYPT_ASSIGN(HeaderSpec spec, SpecFor(profiles, expression));
//   if (!IsUnder(header, spec)) {
//     RECRYPT_ASSIGN(std::optional<NewHeader> made, Rewrap(spec, opened, KeepKeys::kAll));
//     … document.ReplaceHeader(made->header, std::move(made->keys)) …
//   }
//
// Thread safe.
#ifndef RECRYPT_CLIENT_REKEY_H_
#define RECRYPT_CLIENT_REKEY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "core/jcd/document.h"

namespace recrypt {

// Whether a header is of the spec's expression and encrypted to the keys in it.
bool IsUnder(const Header& header, const HeaderSpec& spec);

struct NewHeader {
  SealedHeader header;
  std::vector<DataKey> keys;

  DocumentKeys Keys() const;
};

// Of the data keys in the present header. kNewest: when all content is under that one.
enum class KeepKeys { kAll, kNewest };
// Whether a data key is added to them.
enum class FreshKey { kAdd, kNone };

// Nothing when so many data keys do not fit into the header: RewriteContent, and keep the newest
// alone. kInvalid when that does not fit either.
Result<std::optional<NewHeader>> Rewrap(const HeaderSpec& spec, const DocumentKeys& keys,
                                        std::string_view name, KeepKeys keep,
                                        FreshKey fresh = FreshKey::kAdd);

// Encrypts everything again that is not under the newest data key, in as many commits as that
// takes; a crash leaves some of it done. The caller holds the document's exclusive lock.
Status RewriteContent(Document& document, const Author* author);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_REKEY_H_
