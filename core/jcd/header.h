// The header of a document: parsing, composing, and opening its JWE (docs/FORMAT.md, 1 and 2).
//
//   RECRYPT_ASSIGN(Header header, ParseHeader(first_2304_bytes));
//   RECRYPT_ASSIGN(Wrapper wrapper, OpenHeader(header, secrets));   // Z candidates by kid
//
//   RECRYPT_ASSIGN(SealedHeader sealed, SealHeader(spec, wrapper));  // a sender: public keys only
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_HEADER_H_
#define RECRYPT_CORE_JCD_HEADER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/crypto/symmetric.h"
#include "core/jose/jwe.h"
#include "core/label/expression.h"
#include "core/recryption/bound_ephemeral.h"

namespace recrypt {

using DocumentId = ByteArray<16>;

struct Header {
  DocumentId uid;
  LabelExpression expression;
  std::vector<std::string> services;
  JweParts jwe;
  // Of each ephemeral of the JWE, in their order; empty when the header is not bound. Checked by
  // who has a reason to (CheckBoundHeader).
  std::vector<EphemeralBinding> bindings = {};
  Sha256Digest digest;  // over the canonical form
};

struct DataKey {
  uint32_t number = 0;
  Secret key;  // 32 bytes
};

// What the JWE's plaintext holds.
struct Wrapper {
  DocumentId uid;
  std::string name;           // may be empty: absent
  std::string type;           // may be empty: absent
  std::vector<DataKey> keys;  // 1 to 4, rising numbers; the last is the newest
};

// The header region of a file (2304 bytes, or at least up to the end of the header object; what
// stands behind the object is only checked to be spaces up to the slot, with or without the mark of
// core/jcd/provisional.h).
Result<Header> ParseHeader(ByteSpan region);
// The same region with what always stands around the header object, `[` and spaces: nothing when
// that is no header either, or when it is the same.
std::optional<Bytes> MendHeaderRegion(ByteSpan region);
// From a header object, for the other encodings (docs/FORMAT.md, 7).
Result<Header> ParseHeaderObject(const Json& object);

// For each kid of a label key: the candidates for Z (one for the holder of the private key, two
// from Combine).
using AgreedSecrets = std::map<std::string, std::vector<Secret>>;

// Opens the first alternative for which all kids are in `secrets`. kDenied when there is none,
// kCorrupt when a wrap or the content does not open.
Result<Wrapper> OpenHeader(const Header& header, const AgreedSecrets& secrets);

// The ephemeral that belongs to a kid of the header (its label key's curve follows from alg and
// which epk there is). Checked by CheckEphemeral when the header was parsed.
Result<PublicKey> EphemeralFor(const Header& header, std::string_view kid);

struct HeaderSpec {
  LabelExpression expression;
  std::map<LabelName, PublicKey> label_keys;  // the current encryption key of every label
  std::vector<std::string> services;
  bool bound = false;  // the ephemerals sign what they are for (docs/FORMAT.md, 2.3)
};
struct SealedHeader {
  Bytes region;   // 2304 bytes with slot 0 left as zeros
  Header header;  // the same, parsed
};

// All of a header but the wrapper in it: the content key, wrapped for every label under ephemerals
// of its own, and the text around. It is what costs, and can be made ahead; for one header only.
struct PreparedHeader {
  DocumentId uid;
  LabelExpression expression;
  std::vector<std::string> services;  // sorted, each once
  Secret cek;
  JweParts jwe;  // without its content
  std::vector<EphemeralBinding> bindings = {};
  std::array<std::string, 4> texts;  // between which ciphertext, iv and tag come
};
// kInvalid when the spec lacks a label's key or has one that cannot agree.
Result<PreparedHeader> PrepareHeader(const HeaderSpec& spec, const DocumentId& uid);
// kInvalid when the wrapper is another document's, and "the expression is too large" when it does
// not fit (docs/FORMAT.md, 2.1).
Result<SealedHeader> SealHeader(PreparedHeader prepared, const Wrapper& wrapper);
Result<SealedHeader> SealHeader(const HeaderSpec& spec, const Wrapper& wrapper);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_HEADER_H_
