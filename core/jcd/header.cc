#include "core/jcd/header.h"

#include <algorithm>

#include "core/jcd/data_keys.h"
#include "core/jcd/geometry.h"
#include "core/jcd/header_text.h"
#include "core/jcd/provisional.h"

namespace recrypt {
namespace {

constexpr size_t kShareSize = 32;

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kCorrupt, "the document's header: " + why);
}

// The text of the object at the start of `text`, by its braces.
Result<std::string_view> ObjectText(std::string_view text) {
  if (text.empty() || text[0] != '{') return Refuse("there is none");
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return Refuse("its end is missing");
}

Status CheckMembers(const Json& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return Refuse("a member of another type");
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Refuse("the unknown member " + name.substr(0, 32));
    }
  }
  return {};
}

Result<DocumentId> ParseUid(const Json& object) {
  RECRYPT_ASSIGN(const Bytes bytes, GetBytes(object, "uid"));
  return ToArray<16>(bytes);
}

Result<std::vector<std::string>> ParseServices(const Json& object) {
  RECRYPT_ASSIGN(const Json* list, GetArray(object, "services"));
  std::vector<std::string> services;
  for (const Json& item : *list) {
    if (!item.is_string()) return Refuse("a service that is no text");
    services.push_back(item.get<std::string>());
    if (!IsServiceName(services.back())) return Refuse("a service that is no domain");
    if (services.size() > 1 && services[services.size() - 2] >= services.back()) {
      return Refuse("services that are not sorted");
    }
  }
  return services;
}

Status CheckRecipients(const Header& header) {
  const JweParts& jwe = header.jwe;
  const auto& alternatives = header.expression.alternatives();
  if (jwe.protected_b64 != kJweProtected) return Refuse("another protected header");
  if (jwe.ephemerals.empty()) return Refuse("no ephemeral key");
  if (jwe.ephemerals.size() == 2 && jwe.ephemerals[0].curve() != Curve::kX25519) {
    return Refuse("ephemeral keys in the wrong order");
  }
  if (jwe.recipients.size() != alternatives.size()) {
    return Refuse("another number of recipients than of alternatives");
  }
  for (size_t i = 0; i < alternatives.size(); ++i) {
    const JweRecipient& recipient = jwe.recipients[i];
    if (recipient.ephemeral || recipient.kids.size() != alternatives[i].size() ||
        recipient.encrypted_key.size() != recipient.kids.size() * kWrappedCekSize) {
      return Refuse("a recipient that does not fit its alternative");
    }
    RECRYPT_TRY(AlternativeCurves(recipient.alg, recipient.kids.size(), jwe.ephemerals));
  }
  const Sha256Digest aad = Sha256(
      AsBytes(HeaderAadText(header.uid, header.expression, header.services, jwe.recipients)));
  if (!std::equal(aad.begin(), aad.end(), jwe.aad.begin(), jwe.aad.end())) {
    return Refuse("aad does not bind it");
  }
  return {};
}

// Their form, and that there is one for each ephemeral.
Result<std::vector<EphemeralBinding>> ParseBindings(const Json& object, const JweParts& jwe) {
  std::vector<EphemeralBinding> bindings;
  if (!object.contains("bound")) return bindings;
  RECRYPT_ASSIGN(const Json* list, GetArray(object, "bound"));
  if (list->size() != jwe.ephemerals.size()) return Refuse("another number of bindings than keys");
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
    const bool edwards = jwe.ephemerals[i].curve() == Curve::kX25519;
    EphemeralBinding binding;
    RECRYPT_TRY(edwards ? CheckMembers(item, {"key", "sig"}) : CheckMembers(item, {"sig"}));
    RECRYPT_ASSIGN(binding.signature, GetBytes(item, "sig"));
    if (edwards) {
      RECRYPT_ASSIGN(binding.signer, GetBytes(item, "key"));
    }
    bindings.push_back(std::move(binding));
  }
  return bindings;
}

// The checks of ParseHeaderObject, with whatever error.
Result<Header> ReadHeaderObject(const Json& object) {
  RECRYPT_TRY(CheckMembers(object, {"bound", "jcd", "jwe", "label", "services", "suite", "uid"}));
  RECRYPT_ASSIGN(const uint64_t version, GetUint(object, "jcd"));
  RECRYPT_ASSIGN(const uint64_t suite, GetUint(object, "suite"));
  if (version != 1 || suite != 1) return Refuse("an unknown version or suite");
  Header header;
  RECRYPT_ASSIGN(header.uid, ParseUid(object));
  RECRYPT_ASSIGN(const std::string label, GetString(object, "label"));
  RECRYPT_ASSIGN(header.expression, LabelExpression::Parse(label));
  if (header.expression.text() != label) return Refuse("a label that is not canonical");
  RECRYPT_ASSIGN(header.services, ParseServices(object));
  RECRYPT_ASSIGN(const Json* jwe, GetObject(object, "jwe"));
  RECRYPT_ASSIGN(header.jwe, ParseJwe(*jwe));
  RECRYPT_TRY(CheckRecipients(header));
  RECRYPT_ASSIGN(header.bindings, ParseBindings(object, header.jwe));
  header.digest = Sha256(AsBytes(DumpJson(object)));
  return header;
}

Result<DataKey> ParseDataKey(Json& item) {
  RECRYPT_TRY(CheckMembers(item, {"k", "n"}));
  RECRYPT_ASSIGN(const uint64_t number, GetUint(item, "n"));
  if (number == 0 || number > 0xFFFFFFFF) return Refuse("a data key's number is out of range");
  RECRYPT_ASSIGN(Bytes key, GetBytes(item, "k"));
  Wipe(item["k"].get_ref<std::string&>());
  return DataKey{static_cast<uint32_t>(number), Secret::TakeFrom(key)};
}

Result<Wrapper> ParseWrapper(Json& object) {
  RECRYPT_TRY(CheckMembers(object, {"keys", "name", "type", "uid"}));
  Wrapper wrapper;
  RECRYPT_ASSIGN(wrapper.uid, ParseUid(object));
  if (object.contains("name")) {
    RECRYPT_ASSIGN(wrapper.name, GetString(object, "name"));
  }
  if (object.contains("type")) {
    RECRYPT_ASSIGN(wrapper.type, GetString(object, "type"));
  }
  RECRYPT_TRY(GetArray(object, "keys"));
  for (Json& item : object["keys"]) {
    RECRYPT_ASSIGN(DataKey key, ParseDataKey(item));
    wrapper.keys.push_back(std::move(key));
  }
  RECRYPT_ASSIGN(DataKeys checked, DataKeys::Make(wrapper.uid, std::move(wrapper.keys)));
  wrapper.keys = std::move(checked).TakeAll();
  return wrapper;
}

// The content key of an alternative: its labels' shares, put together.
Result<Secret> UnwrapAlternative(const JweRecipient& recipient, const AgreedSecrets& secrets) {
  Secret cek(kCekSize);
  for (size_t i = 0; i < recipient.kids.size(); ++i) {
    const ByteSpan wrapped =
        ByteSpan(recipient.encrypted_key).subspan(i * kWrappedCekSize, kWrappedCekSize);
    RECRYPT_ASSIGN(const Secret share,
                   UnwrapKey(secrets.find(recipient.kids[i])->second, kAlgEcdhEsA256Kw, wrapped));
    if (share.size() != kShareSize) return Refuse("a wrapped key of another length");
    const MutableByteSpan sum = cek.RevealMutable();
    for (size_t at = 0; at < kShareSize; ++at) sum[at] ^= share.Reveal()[at];
  }
  return cek;
}

}  // namespace

Result<Header> ParseHeader(ByteSpan region) {
  const ByteSpan text_region = region.first(std::min<size_t>(region.size(), kSlot0));
  const std::string_view all = AsText(text_region);
  if (all.empty() || all[0] != '[') return Refuse("there is none");
  RECRYPT_ASSIGN(const std::string_view text, ObjectText(all.substr(1)));
  const std::string_view rest = all.substr(1 + text.size());
  const size_t other = rest.find_first_not_of(' ');
  const bool marked = 1 + text.size() + other == kProvisionalAt && rest[other] == kProvisionalMark;
  if (other != std::string_view::npos && !marked) {
    return Refuse("something other than spaces behind it");
  }
  const auto object = ParseJson(text);
  if (!object) return Refuse(object.error().message);
  if (DumpJson(*object) != text) return Refuse("it is not in canonical form");
  return ParseHeaderObject(*object);
}

std::optional<Bytes> MendHeaderRegion(ByteSpan region) {
  if (region.size() < kHeaderRegion) return std::nullopt;
  // Other encodings begin alike, and have no slot there.
  if (region[kSlot0] != 0x8B && region[kSlot0] != 0x8F) return std::nullopt;
  Bytes mended = ToBytes(region.first(kHeaderRegion));
  mended[0] = '[';
  const auto text = ObjectText(AsText(ByteSpan(mended).first(kSlot0)).substr(1));
  if (!text) return std::nullopt;
  std::fill(mended.begin() + 1 + static_cast<ptrdiff_t>(text->size()), mended.begin() + kSlot0,
            ' ');
  if (std::equal(mended.begin(), mended.end(), region.begin()) || !ParseHeader(mended)) {
    return std::nullopt;
  }
  return mended;
}

Result<Header> ParseHeaderObject(const Json& object) {
  auto header = ReadHeaderObject(object);
  if (!header && header.error().code == ErrorCode::kInvalid) return Refuse(header.error().message);
  return header;
}

Result<Wrapper> OpenHeader(const Header& header, const AgreedSecrets& secrets) {
  for (const JweRecipient& recipient : header.jwe.recipients) {
    const bool known = std::all_of(recipient.kids.begin(), recipient.kids.end(),
                                   [&](const std::string& kid) { return secrets.contains(kid); });
    if (!known) continue;
    RECRYPT_ASSIGN(const Secret cek, UnwrapAlternative(recipient, secrets));
    RECRYPT_ASSIGN(const Secret text, OpenJweContent(header.jwe, cek));
    auto object = ParseJson(AsText(text.Reveal()));
    if (!object) return Refuse(object.error().message);
    auto wrapper = ParseWrapper(*object);
    if (!wrapper) return Refuse(wrapper.error().message);
    if (wrapper->uid != header.uid) return Refuse("its wrapper is another document's");
    return wrapper;
  }
  return Fail(ErrorCode::kDenied, "no alternative of " + header.expression.text() +
                                      " can be opened with the grants at hand");
}

Result<PublicKey> EphemeralFor(const Header& header, std::string_view kid) {
  for (const JweRecipient& recipient : header.jwe.recipients) {
    const auto found = std::find(recipient.kids.begin(), recipient.kids.end(), kid);
    if (found == recipient.kids.end()) continue;
    RECRYPT_ASSIGN(const std::vector<Curve> curves,
                   AlternativeCurves(recipient.alg, recipient.kids.size(), header.jwe.ephemerals));
    const Curve curve = curves[static_cast<size_t>(found - recipient.kids.begin())];
    const PublicKey* ephemeral = header.jwe.EphemeralOf(recipient, curve);
    if (ephemeral != nullptr) return *ephemeral;
  }
  return Fail(ErrorCode::kNotFound, "the header has no recipient " + std::string(kid));
}

}  // namespace recrypt
