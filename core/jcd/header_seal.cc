#include <algorithm>
#include <set>

#include "core/jcd/data_keys.h"
#include "core/jcd/geometry.h"
#include "core/jcd/header.h"
#include "core/jcd/header_text.h"
#include "core/json/utf8.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

// The private halves of a header's ephemerals, one for each curve in use.
using Ephemerals = std::map<Curve, PrivateKey>;
using BoundEphemerals = std::map<Curve, BoundEphemeral>;

// `bound` gets what signs with them, when the header is to be bound.
Result<Ephemerals> MakeEphemerals(const HeaderSpec& spec, BoundEphemerals& bound) {
  Ephemerals ephemerals;
  for (const LabelName& label : spec.expression.Labels()) {
    const auto key = spec.label_keys.find(label);
    if (key == spec.label_keys.end()) {
      return Fail(ErrorCode::kInvalid, "the encryption key of " + label.text() + " is missing");
    }
    const Curve curve = key->second.curve();
    if (curve == Curve::kEd25519) {
      return Fail(ErrorCode::kInvalid, "the key of " + label.text() + " is for signing");
    }
    if (ephemerals.contains(curve)) continue;
    if (!spec.bound) {
      ephemerals.emplace(curve, PrivateKey::Generate(curve));
      continue;
    }
    RECRYPT_ASSIGN(BoundEphemeral made, MakeBoundEphemeral(curve));
    ephemerals.emplace(curve, made.agree);
    bound.emplace(curve, std::move(made));
  }
  if (ephemerals.empty()) return Fail(ErrorCode::kInvalid, "the label expression is empty");
  return ephemerals;
}

// The content key for one label, or shares of it for several.
std::vector<Secret> MakeShares(const Secret& cek, size_t count) {
  std::vector<Secret> shares;
  Secret last = cek.Clone();
  for (size_t i = 1; i < count; ++i) {
    shares.push_back(Secret::Random(kCekSize));
    for (size_t at = 0; at < kCekSize; ++at) {
      last.RevealMutable()[at] ^= shares.back().Reveal()[at];
    }
  }
  shares.push_back(std::move(last));
  return shares;
}

Result<JweRecipient> MakeRecipient(const HeaderSpec& spec, const std::vector<LabelName>& labels,
                                   const Ephemerals& ephemerals, const Secret& cek) {
  JweRecipient recipient;
  std::vector<Curve> curves;
  const std::vector<Secret> shares = MakeShares(cek, labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const PublicKey& key = spec.label_keys.find(labels[i])->second;
    curves.push_back(key.curve());
    recipient.kids.push_back(KeyUdf(key));
    RECRYPT_ASSIGN(const Bytes wrapped, WrapKey(ephemerals.find(key.curve())->second, key,
                                                kAlgEcdhEsA256Kw, shares[i].Reveal()));
    Append(recipient.encrypted_key, wrapped);
  }
  recipient.alg = AlternativeAlg(curves, ephemerals.size() == 2);
  return recipient;
}

// The wrapper's canonical text, with `type` and `name` if they are not empty. No copy of a key is
// left behind: the text does not grow beyond what is reserved, and what is put into it is wiped.
Secret WrapperText(const Wrapper& wrapper, const std::string& name, const std::string& type) {
  std::string text;
  text.reserve(128 + 80 * wrapper.keys.size() + 6 * (name.size() + type.size()));
  text += R"({"keys":[)";
  for (const DataKey& key : wrapper.keys) {
    if (text.back() == '}') text += ',';
    std::string encoded = Base64UrlEncode(key.key.Reveal());
    text += R"({"k":")";
    text += encoded;
    text += R"(","n":)" + std::to_string(key.number) + "}";
    Wipe(encoded);
  }
  text += ']';
  if (!name.empty()) text += R"(,"name":)" + DumpJson(name);
  if (!type.empty()) text += R"(,"type":)" + DumpJson(type);
  text += R"(,"uid":")" + Base64UrlEncode(wrapper.uid) + R"("})";
  return Secret::TakeFrom(text);
}

// In the order of the JWE's ephemerals.
Result<std::vector<EphemeralBinding>> Bind(const BoundEphemerals& bound, const JweParts& jwe,
                                           std::string_view text) {
  std::vector<EphemeralBinding> bindings;
  for (const PublicKey& ephemeral : jwe.ephemerals) {
    const auto found = bound.find(ephemeral.curve());
    if (found == bound.end()) break;
    RECRYPT_ASSIGN(EphemeralBinding binding, SignBinding(found->second, text));
    bindings.push_back(std::move(binding));
  }
  return bindings;
}

Json FormatBindings(const std::vector<EphemeralBinding>& bindings) {
  Json list = Json::array();
  for (const EphemeralBinding& binding : bindings) {
    Json item = {{"sig", Base64UrlEncode(binding.signature)}};
    if (!binding.signer.empty()) item["key"] = Base64UrlEncode(binding.signer);
    list.push_back(std::move(item));
  }
  return list;
}

// The header's canonical text, cut where its ciphertext, iv and tag are to stand.
std::array<std::string, 4> TextsAround(const PreparedHeader& prepared) {
  Json object{{"jcd", 1},
              {"jwe", FormatJwe(prepared.jwe)},
              {"label", prepared.expression.text()},
              {"services", prepared.services},
              {"suite", 1},
              {"uid", Base64UrlEncode(prepared.uid)}};
  if (!prepared.bindings.empty()) object["bound"] = FormatBindings(prepared.bindings);
  const std::string text = DumpJson(object);
  std::array<std::string, 4> texts;
  size_t from = 0;
  size_t next = 0;
  // Quotation marks in names are escaped, so only the members themselves look like this.
  for (const std::string_view empty : {R"("ciphertext":"")", R"("iv":"")", R"("tag":"")"}) {
    const size_t end = text.find(empty, from) + empty.size() - 1;
    texts[next++] = text.substr(from, end - from);
    from = end;
  }
  texts[next] = text.substr(from);
  return texts;
}

std::string TextOf(const PreparedHeader& prepared, const JweParts& jwe) {
  const auto& around = prepared.texts;
  return around[0] + Base64UrlEncode(jwe.ciphertext) + around[1] + Base64UrlEncode(jwe.iv) +
         around[2] + Base64UrlEncode(jwe.tag) + around[3];
}

Bytes RegionOf(const std::string& text) {
  Bytes region(kHeaderRegion, ' ');
  region[0] = '[';
  std::copy(text.begin(), text.end(), region.begin() + 1);
  std::fill(region.begin() + kSlot0, region.end(), uint8_t{0});
  return region;
}

}  // namespace

Result<PreparedHeader> PrepareHeader(const HeaderSpec& spec, const DocumentId& uid) {
  const std::set<std::string> sorted(spec.services.begin(), spec.services.end());
  PreparedHeader prepared{uid, spec.expression, {sorted.begin(), sorted.end()}, {}, {}, {}, {}};
  if (!std::all_of(sorted.begin(), sorted.end(), IsServiceName)) {
    return Fail(ErrorCode::kInvalid, "a recryption service that is no domain");
  }
  BoundEphemerals bound;
  RECRYPT_ASSIGN(const Ephemerals ephemerals, MakeEphemerals(spec, bound));
  prepared.cek = Secret::Random(kCekSize);
  JweParts& jwe = prepared.jwe;
  jwe.protected_b64 = kJweProtected;
  for (const Curve curve : {Curve::kX25519, Curve::kP256}) {
    const auto found = ephemerals.find(curve);
    if (found != ephemerals.end()) jwe.ephemerals.push_back(found->second.public_key());
  }
  for (const auto& labels : spec.expression.alternatives()) {
    RECRYPT_ASSIGN(JweRecipient recipient, MakeRecipient(spec, labels, ephemerals, prepared.cek));
    jwe.recipients.push_back(std::move(recipient));
  }
  const std::string bound_text =
      HeaderAadText(uid, prepared.expression, prepared.services, jwe.recipients);
  jwe.aad = ToBytes(Sha256(AsBytes(bound_text)));
  RECRYPT_ASSIGN(prepared.bindings, Bind(bound, jwe, bound_text));
  prepared.texts = TextsAround(prepared);
  return prepared;
}

Result<SealedHeader> SealHeader(PreparedHeader prepared, const Wrapper& wrapper) {
  RECRYPT_TRY(DataKeys::Check(wrapper.keys));
  if (wrapper.uid != prepared.uid) {
    return Fail(ErrorCode::kInvalid, "the header was prepared for another document");
  }
  // What can be left out for a header to fit goes first: the type, then the name, which a file may
  // also have in another encoding than JSON's.
  const std::string name = IsUtf8(wrapper.name) ? wrapper.name : "";
  const std::string type = IsUtf8(wrapper.type) ? wrapper.type : "";
  const std::pair<std::string, std::string> attempts[] = {{name, type}, {name, ""}, {"", ""}};
  JweParts jwe = std::move(prepared.jwe);
  for (const auto& [with_name, with_type] : attempts) {
    const Secret plain = WrapperText(wrapper, with_name, with_type);
    jwe = SealJweContent(std::move(jwe), prepared.cek, plain.Reveal());
    const std::string text = TextOf(prepared, jwe);
    if (1 + text.size() > kSlot0) continue;
    return SealedHeader{RegionOf(text),
                        {prepared.uid, std::move(prepared.expression), std::move(prepared.services),
                         std::move(jwe), std::move(prepared.bindings), Sha256(AsBytes(text))}};
  }
  return Fail(ErrorCode::kInvalid, "the expression is too large for a document's header");
}

Result<SealedHeader> SealHeader(const HeaderSpec& spec, const Wrapper& wrapper) {
  RECRYPT_ASSIGN(PreparedHeader prepared, PrepareHeader(spec, wrapper.uid));
  return SealHeader(std::move(prepared), wrapper);
}

}  // namespace recrypt
