// Signature entries: who vouches for a document's state, in the sealed part of its trailer
// (docs/FORMAT.md, 5).
//
//   RECRYPT_ASSIGN(SignatureEntries entries, ParseEntries(part));
//   RECRYPT_ASSIGN(Authorship who, VerifyEntries(entries, uid, fields, expression, trust, now));
//
//   RECRYPT_ASSIGN(SignatureEntry entry, SignEntry(EntryKind::kAuthor, uid, fields, author));
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_SIGNATURES_H_
#define RECRYPT_CORE_JCD_SIGNATURES_H_

#include <vector>

#include "core/jcd/authorship.h"
#include "core/jcd/trailer.h"

namespace recrypt {

enum class EntryKind : uint8_t {
  kAuthor = 1,         // wrote the content and vouches for the header
  kEarlierAuthor = 2,  // wrote the content under an earlier header
  kWrapper = 3,        // wrapped the header again since
};

struct SignatureEntry {
  EntryKind kind = EntryKind::kAuthor;
  uint64_t time = 0;        // of signing, by the signer's clock, seconds since 1970
  Sha256Digest header{};    // kEarlierAuthor: what was signed then
  uint64_t generation = 0;  // likewise
  Bytes credential;
  ByteArray<64> signature{};
};
using SignatureEntries = std::vector<SignatureEntry>;

// kCorrupt unless the entries are none, one author, or an earlier author and a wrapper.
Result<SignatureEntries> ParseEntries(const SealedPart& part);
// kInvalid when they do not fit, which no entries made by SignEntry do.
Result<SealedPart> ComposeEntries(const SignatureEntries& entries);

// kInvalid when the credential is not the author's own, or may not write.
Result<SignatureEntry> SignEntry(EntryKind kind, const DocumentId& uid, const TrailerFields& fields,
                                 const Author& author);

// kDenied when a signature or a credential does not hold, or when there is none and not every
// label of the expression lets anyone write.
Result<Authorship> VerifyEntries(const SignatureEntries& entries, const DocumentId& uid,
                                 const TrailerFields& fields, const LabelExpression& expression,
                                 const TrustedLabels& trust, int64_t now);

// Whether a document under the expression may go without an author.
bool AnyoneMayWrite(const LabelExpression& expression, const TrustedLabels& trust);
// The credential, if a trusted label of the expression has signed it, it had not expired at `time`
// (0: any) and, for kHeaders, is not of an earlier epoch than the label's key; kDenied.
enum class CredentialEpoch { kHeaders, kAny };
Result<Credential> CheckCredential(ByteSpan credential, const LabelExpression& expression,
                                   const TrustedLabels& trust, int64_t time, CredentialEpoch epoch);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_SIGNATURES_H_
