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

Result<Ephemerals> MakeEphemerals(const HeaderSpec& spec) {
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
    if (!ephemerals.contains(curve)) ephemerals.emplace(curve, PrivateKey::Generate(curve));
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

// The wrapper's text; the keys pass through ordinary memory here, which is wiped as far as it can
// be.
Secret WrapperText(const Wrapper& wrapper) {
  Json keys = Json::array();
  for (const DataKey& key : wrapper.keys) {
    keys.push_back({{"k", Base64UrlEncode(key.key.Reveal())}, {"n", key.number}});
  }
  Json object{{"uid", Base64UrlEncode(wrapper.uid)}};
  if (!wrapper.name.empty()) object["name"] = wrapper.name;
  if (!wrapper.type.empty()) object["type"] = wrapper.type;
  object["keys"] = std::move(keys);
  std::string text = DumpJson(object);
  for (Json& key : object["keys"]) Wipe(key["k"].get_ref<std::string&>());
  return Secret::TakeFrom(text);
}

// A header and its text, which ParseHeader would make the same of.
struct Sealed {
  Header header;
  std::string text;
};

Sealed SealText(const PreparedHeader& prepared, const Wrapper& wrapper) {
  JweParts parts = prepared.jwe;
  parts.aad =
      ToBytes(HeaderAad(wrapper.uid, prepared.expression, prepared.services, parts.recipients));
  const Secret text = WrapperText(wrapper);
  parts = SealJweContent(std::move(parts), prepared.cek, text.Reveal());
  const Json object{{"jcd", 1},
                    {"jwe", FormatJwe(parts)},
                    {"label", prepared.expression.text()},
                    {"services", prepared.services},
                    {"suite", 1},
                    {"uid", Base64UrlEncode(wrapper.uid)}};
  Sealed sealed;
  sealed.text = DumpJson(object);
  sealed.header = {wrapper.uid, prepared.expression, prepared.services, std::move(parts),
                   Sha256(AsBytes(sealed.text))};
  return sealed;
}

Wrapper CopyWith(const Wrapper& wrapper, std::string name, std::string type) {
  Wrapper copy{wrapper.uid, std::move(name), std::move(type), {}};
  for (const DataKey& key : wrapper.keys) copy.keys.push_back({key.number, key.key.Clone()});
  return copy;
}

}  // namespace

Result<PreparedHeader> PrepareHeader(const HeaderSpec& spec) {
  const std::set<std::string> sorted(spec.services.begin(), spec.services.end());
  PreparedHeader prepared{spec.expression, {sorted.begin(), sorted.end()}, {}, {}};
  if (!std::all_of(sorted.begin(), sorted.end(), IsServiceName)) {
    return Fail(ErrorCode::kInvalid, "a recryption service that is no domain");
  }
  RECRYPT_ASSIGN(const Ephemerals ephemerals, MakeEphemerals(spec));
  prepared.cek = Secret::Random(kCekSize);
  for (const Curve curve : {Curve::kX25519, Curve::kP256}) {
    const auto found = ephemerals.find(curve);
    if (found != ephemerals.end()) prepared.jwe.ephemerals.push_back(found->second.public_key());
  }
  for (const auto& labels : spec.expression.alternatives()) {
    RECRYPT_ASSIGN(JweRecipient recipient, MakeRecipient(spec, labels, ephemerals, prepared.cek));
    prepared.jwe.recipients.push_back(std::move(recipient));
  }
  return prepared;
}

Result<SealedHeader> SealHeader(PreparedHeader prepared, const Wrapper& wrapper) {
  RECRYPT_TRY(DataKeys::Make(wrapper.uid, CopyWith(wrapper, "", "").keys));
  // What can be left out for a header to fit goes first: the type, then the name, which a file may
  // also have in another encoding than JSON's.
  const std::string name = IsUtf8(wrapper.name) ? wrapper.name : "";
  const std::string type = IsUtf8(wrapper.type) ? wrapper.type : "";
  const Wrapper attempts[] = {CopyWith(wrapper, name, type), CopyWith(wrapper, name, ""),
                              CopyWith(wrapper, "", "")};
  for (const Wrapper& attempt : attempts) {
    Sealed made = SealText(prepared, attempt);
    const std::string& text = made.text;
    if (1 + text.size() > kSlot0) continue;
    SealedHeader sealed;
    sealed.region.assign(kHeaderRegion, ' ');
    sealed.region[0] = '[';
    std::copy(text.begin(), text.end(), sealed.region.begin() + 1);
    std::fill(sealed.region.begin() + kSlot0, sealed.region.end(), uint8_t{0});
    sealed.header = std::move(made.header);
    return sealed;
  }
  return Fail(ErrorCode::kInvalid, "the expression is too large for a document's header");
}

Result<SealedHeader> SealHeader(const HeaderSpec& spec, const Wrapper& wrapper) {
  RECRYPT_ASSIGN(PreparedHeader prepared, PrepareHeader(spec));
  return SealHeader(std::move(prepared), wrapper);
}

}  // namespace recrypt
