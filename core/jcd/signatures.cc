#include "core/jcd/signatures.h"

#include <algorithm>

#include "core/crypto/verified_signatures.h"

namespace recrypt {
namespace {

constexpr size_t kSignatureSize = 64;
constexpr size_t kTimeSize = 8;
// A signer's clock may be this far ahead of the reader's.
constexpr uint64_t kMaxAheadSeconds = 86400;
constexpr size_t kEarlierSize = 32 + 8;  // header digest and generation of an earlier author

struct ParsedEntry {
  SignatureEntry entry;
  size_t size = 0;
};

Result<ParsedEntry> ParseEntry(ByteSpan data) {
  ParsedEntry parsed;
  if (data.empty() || data[0] < 1 || data[0] > 3) {
    return Fail(ErrorCode::kCorrupt, "a signature entry of an unknown kind");
  }
  parsed.entry.kind = static_cast<EntryKind>(data[0]);
  if (data.size() < 1 + kTimeSize) {
    return Fail(ErrorCode::kCorrupt, "a signature entry is cut short");
  }
  parsed.entry.time = LoadU64(&data[1]);
  size_t at = 1 + kTimeSize;
  if (parsed.entry.kind == EntryKind::kEarlierAuthor) {
    if (data.size() < at + kEarlierSize) {
      return Fail(ErrorCode::kCorrupt, "a signature entry is cut short");
    }
    std::copy_n(&data[at], 32, parsed.entry.header.begin());
    parsed.entry.generation = LoadU64(&data[at + 32]);
    at += kEarlierSize;
  }
  const auto credential = ParseCredential(data.subspan(at));
  if (!credential) {
    return Fail(ErrorCode::kCorrupt, "a signature entry: " + credential.error().message);
  }
  parsed.entry.credential = ToBytes(data.subspan(at, credential->size));
  at += credential->size;
  if (data.size() < at + kSignatureSize) {
    return Fail(ErrorCode::kCorrupt, "a signature entry is cut short");
  }
  std::copy_n(&data[at], kSignatureSize, parsed.entry.signature.begin());
  parsed.size = at + kSignatureSize;
  return parsed;
}

// What an entry signs: its text, then the state that it stands for.
Bytes SignedText(const SignatureEntry& entry, const DocumentId& uid, const TrailerFields& fields) {
  const bool wrapper = entry.kind == EntryKind::kWrapper;
  const bool earlier = entry.kind == EntryKind::kEarlierAuthor;
  Bytes text = ToBytes(AsBytes(wrapper ? "jcd/1 wrapper" : "jcd/1 author"));
  text.push_back(0);
  Append(text, uid);
  AppendU64(text, entry.time);
  Append(text, earlier ? entry.header : fields.header);
  AppendU64(text, earlier ? entry.generation : fields.generation);
  AppendU64(text, fields.size);
  Append(text, fields.root);
  Append(text, fields.attributes);
  return text;
}

}  // namespace

Result<SignatureEntries> ParseEntries(const SealedPart& part) {
  const size_t count = part[0];
  ByteSpan rest = ByteSpan(part).subspan(1);
  SignatureEntries entries;
  if (count > 2) return Fail(ErrorCode::kCorrupt, "the trailer has too many signature entries");
  for (size_t i = 0; i < count; ++i) {
    RECRYPT_ASSIGN(ParsedEntry parsed, ParseEntry(rest));
    rest = rest.subspan(parsed.size);
    entries.push_back(std::move(parsed.entry));
  }
  if (std::any_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte != 0; })) {
    return Fail(ErrorCode::kCorrupt, "the trailer has bytes behind its signature entries");
  }
  const bool sound = count == 0 || (count == 1 && entries[0].kind == EntryKind::kAuthor) ||
                     (count == 2 && entries[0].kind == EntryKind::kEarlierAuthor &&
                      entries[1].kind == EntryKind::kWrapper);
  if (!sound)
    return Fail(ErrorCode::kCorrupt, "the trailer's signature entries do not go together");
  return entries;
}

Result<SealedPart> ComposeEntries(const SignatureEntries& entries) {
  Bytes text{static_cast<uint8_t>(entries.size())};
  for (const SignatureEntry& entry : entries) {
    text.push_back(static_cast<uint8_t>(entry.kind));
    AppendU64(text, entry.time);
    if (entry.kind == EntryKind::kEarlierAuthor) {
      Append(text, entry.header);
      AppendU64(text, entry.generation);
    }
    Append(text, entry.credential);
    Append(text, entry.signature);
  }
  if (text.size() > kSealedPartSize) {
    return Fail(ErrorCode::kInvalid, "the signature entries do not fit into a trailer");
  }
  SealedPart part{};
  std::copy(text.begin(), text.end(), part.begin());
  return part;
}

Result<SignatureEntry> SignEntry(EntryKind kind, const DocumentId& uid, const TrailerFields& fields,
                                 const Author& author) {
  RECRYPT_ASSIGN(const ParsedCredential parsed, ParseCredential(author.credential));
  if (parsed.size != author.credential.size() || !parsed.fields.may_write ||
      !(parsed.fields.device == author.device.public_key())) {
    return Fail(ErrorCode::kInvalid, "the credential does not let this device write");
  }
  SignatureEntry entry;
  entry.kind = kind;
  entry.time = static_cast<uint64_t>(author.clock != nullptr ? author.clock->NowSeconds()
                                                             : SystemClock().NowSeconds());
  entry.header = fields.header;
  entry.generation = fields.generation;
  entry.credential = author.credential;
  RECRYPT_ASSIGN(const Bytes signature,
                 SignRemembered(author.device, SignedText(entry, uid, fields)));
  RECRYPT_ASSIGN(entry.signature, ToArray<kSignatureSize>(signature));
  return entry;
}

bool AnyoneMayWrite(const LabelExpression& expression, const TrustedLabels& trust) {
  for (const LabelName& label : expression.Labels()) {
    const auto known = trust.find(label);
    if (known == trust.end() || !known->second.anyone_may_write) return false;
  }
  return true;
}

Result<Credential> CheckCredential(ByteSpan credential, const LabelExpression& expression,
                                   const TrustedLabels& trust, int64_t time,
                                   CredentialEpoch epoch) {
  std::string why = "no label of the expression is known here";
  for (const LabelName& label : expression.Labels()) {
    const auto known = trust.find(label);
    if (known == trust.end()) continue;
    auto checked = VerifyCredential(credential, known->second.master, time);
    if (!checked) {
      why = checked.error().message;
    } else if (epoch == CredentialEpoch::kHeaders && checked->epoch < known->second.epoch) {
      why = "the credential of " + checked->subject + " is older than the label's key";
    } else {
      return checked;
    }
  }
  return Fail(ErrorCode::kDenied, "the writer has no credential of the document's label: " + why);
}

Result<Authorship> VerifyEntries(const SignatureEntries& entries, const DocumentId& uid,
                                 const TrailerFields& fields, const LabelExpression& expression,
                                 const TrustedLabels& trust, int64_t now) {
  Authorship who;
  if (entries.empty()) {
    if (AnyoneMayWrite(expression, trust)) return who;
    return Fail(ErrorCode::kDenied, "the document is not signed, and its label asks for it");
  }
  for (const SignatureEntry& entry : entries) {
    if (now > 0 && entry.time > static_cast<uint64_t>(now) + kMaxAheadSeconds) {
      return Fail(ErrorCode::kDenied, "the document was signed in the future; check the clock");
    }
    const bool earlier = entry.kind == EntryKind::kEarlierAuthor;
    RECRYPT_ASSIGN(
        const Credential credential,
        CheckCredential(entry.credential, expression, trust, static_cast<int64_t>(entry.time),
                        earlier ? CredentialEpoch::kAny : CredentialEpoch::kHeaders));
    if (!VerifyRemembered(credential.device, SignedText(entry, uid, fields), entry.signature)) {
      return Fail(ErrorCode::kDenied, "the signature of " + credential.subject + " does not hold");
    }
    (entry.kind == EntryKind::kWrapper ? who.wrapper : who.author) = credential.subject;
  }
  if (who.wrapper.empty()) who.wrapper = who.author;
  return who;
}

}  // namespace recrypt
