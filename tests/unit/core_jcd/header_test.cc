#include "core/jcd/header.h"

#include "core/jcd/data_keys.h"
#include "core/recryption/recryption.h"
#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

std::vector<Label> Labels(std::vector<std::pair<std::string, Curve>> names) {
  std::vector<Label> labels;
  for (const auto& [name, curve] : names) labels.emplace_back(name, curve);
  return labels;
}

std::string TextOf(const Bytes& region) {
  const std::string_view text = AsText(ByteSpan(region).first(kSlot0));
  return std::string(text.substr(1, text.find_last_not_of(' ')));
}

Bytes RegionOf(const std::string& text) {
  Bytes region(kHeaderRegion, ' ');
  region[0] = '[';
  std::copy(text.begin(), text.end(), region.begin() + 1);
  std::fill(region.begin() + kSlot0, region.end(), uint8_t{0});
  return region;
}

TEST(Header, IsOpenedByTheLabelsKey) {
  const World world;
  const DocumentId uid = RandomArray<16>();
  const std::vector<DataKey> keys = World::NewKeys({3, 7});
  const SealedHeader sealed = world.Seal(World::MakeWrapper(uid, keys));
  ASSERT_EQ(sealed.region.size(), kHeaderRegion);
  const Header header = Must(ParseHeader(sealed.region));
  EXPECT_EQ(header.uid, uid);
  EXPECT_EQ(header.expression.text(), "A#example.com");
  EXPECT_EQ(header.services, std::vector<std::string>{"example.com"});
  EXPECT_EQ(header.digest, sealed.header.digest);
  EXPECT_EQ(header.digest, Sha256(AsBytes(TextOf(sealed.region))));
  const Wrapper wrapper = Must(OpenHeader(header, world.Secrets(header)));
  EXPECT_EQ(wrapper.uid, uid);
  EXPECT_EQ(wrapper.name, "report.odt");
  EXPECT_EQ(wrapper.type, "text/plain");
  ASSERT_EQ(wrapper.keys.size(), 2u);
  EXPECT_EQ(wrapper.keys[1].number, 7u);
  EXPECT_TRUE(wrapper.keys[1].key.Equals(keys[1].key));
}

TEST(Header, IsOpenedByRecryption) {
  const World world;
  const SealedHeader sealed = world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  const std::string kid = sealed.header.jwe.recipients[0].kids[0];
  const PublicKey ephemeral = Must(EphemeralFor(sealed.header, kid));
  World& mutable_world = const_cast<World&>(world);
  const Split split = Must(SplitKey(mutable_world.label().key));
  const Secret part = Must(AgreeHalf(split.service_half, ephemeral));
  AgreedSecrets secrets;
  secrets.emplace(kid, Must(Combine(ephemeral, part.Reveal(), split.member_half)));
  EXPECT_TRUE(OpenHeader(sealed.header, secrets));
}

TEST(Header, IsAJweThatStandardLibrariesOpen) {
  World world;
  const SealedHeader sealed = world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  const Json object = Must(ParseJson(TextOf(sealed.region)));
  const Secret text = Must(DecryptJwe(object["jwe"], world.label().key));
  EXPECT_EQ(Must(ParseJson(AsText(text.Reveal())))["name"], "report.odt");
}

TEST(Header, WrapsForEveryAlternativeOnEitherCurve) {
  for (const Curve second : {Curve::kX25519, Curve::kP256}) {
    World world(Labels({{"A#x.com", Curve::kX25519}, {"B#x.com", second}, {"C#x.com", second}}),
                "A#x.com + B#x.com | B#x.com + C#x.com | C#x.com + A#x.com");
    const DocumentId uid = RandomArray<16>();
    const SealedHeader sealed = world.Seal(World::MakeWrapper(uid, World::NewKeys()));
    const AgreedSecrets all = world.Secrets(sealed.header);
    ASSERT_EQ(all.size(), 3u);
    for (size_t leave_out = 0; leave_out < 3; ++leave_out) {
      const std::string without = KeyUdf(world.label(leave_out).key.public_key());
      AgreedSecrets secrets;
      for (const auto& [kid, candidates] : all) {
        if (kid == without) continue;
        std::vector<Secret> copies;
        for (const Secret& candidate : candidates) copies.push_back(candidate.Clone());
        secrets.emplace(kid, std::move(copies));
      }
      EXPECT_EQ(Must(OpenHeader(sealed.header, secrets)).uid, uid);
      secrets.erase(secrets.begin());
      EXPECT_EQ(OpenHeader(sealed.header, secrets).error().code, ErrorCode::kDenied);
    }
  }
}

// With room for a second data key, which a new key epoch brings.
TEST(Header, HasRoomForEightAlternativesOnEitherCurve) {
  for (const Curve second : {Curve::kX25519, Curve::kP256}) {
    std::vector<std::pair<std::string, Curve>> labels;
    std::string expression;
    for (int i = 0; i < 8; ++i) {
      labels.emplace_back("Accounts" + std::to_string(i) + "#example.com",
                          i % 2 == 0 ? Curve::kX25519 : second);
      expression += (i == 0 ? "" : " | ") + labels.back().first;
    }
    World world(Labels(labels), expression);
    const SealedHeader sealed =
        world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys({1, 2})));
    EXPECT_EQ(sealed.header.jwe.recipients.size(), 8u);
    EXPECT_EQ(Must(OpenHeader(sealed.header, world.Secrets(sealed.header))).keys.size(), 2u);
  }
}

TEST(Header, NamesTheCurveOfEachLabel) {
  const std::vector<DataKey> keys = World::NewKeys();
  const World one(Labels({{"B#x.com", Curve::kP256}}), "B#x.com");
  EXPECT_EQ(one.Seal(World::MakeWrapper(RandomArray<16>(), keys)).header.jwe.recipients[0].alg,
            "ECDH-ES+A256KW");
  World both(
      Labels({{"A#x.com", Curve::kX25519}, {"B#x.com", Curve::kP256}, {"C#x.com", Curve::kP256}}),
      "A#x.com + B#x.com | C#x.com");
  const SealedHeader two = both.Seal(World::MakeWrapper(RandomArray<16>(), keys));
  EXPECT_EQ(two.header.jwe.recipients[0].alg, "jcd+AND+XP");
  EXPECT_EQ(two.header.jwe.recipients[1].alg, "jcd+P256");
  EXPECT_TRUE(OpenHeader(two.header, both.Secrets(two.header)));
}

TEST(Header, OpensForNobodyElse) {
  const World world;
  const World stranger;
  const SealedHeader sealed = world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  EXPECT_EQ(OpenHeader(sealed.header, stranger.Secrets(sealed.header)).error().code,
            ErrorCode::kDenied);
  AgreedSecrets wrong;
  wrong[sealed.header.jwe.recipients[0].kids[0]].push_back(Secret::Random(32));
  EXPECT_EQ(OpenHeader(sealed.header, wrong).error().code, ErrorCode::kCorrupt);
}

TEST(Header, LeavesTheTypeAndThenTheNameOutBeforeItIsTooLarge) {
  const World world;
  Wrapper wrapper = World::MakeWrapper(RandomArray<16>(), World::NewKeys());
  wrapper.type = std::string(1500, 't');
  SealedHeader sealed = world.Seal(wrapper);
  Wrapper opened = Must(OpenHeader(sealed.header, world.Secrets(sealed.header)));
  EXPECT_TRUE(opened.type.empty());
  EXPECT_EQ(opened.name, "report.odt");
  wrapper.name = std::string(1500, 'n');
  sealed = world.Seal(wrapper);
  opened = Must(OpenHeader(sealed.header, world.Secrets(sealed.header)));
  EXPECT_TRUE(opened.name.empty());
  std::vector<std::pair<std::string, Curve>> names;
  std::string expression;
  for (int i = 0; i < 20; ++i) {
    names.emplace_back("Label" + std::to_string(i) + "#x.com", Curve::kX25519);
    expression += (i == 0 ? "" : " | ") + names.back().first;
  }
  const World large(Labels(names), expression);
  EXPECT_EQ(SealHeader(large.Spec(), wrapper).error().code, ErrorCode::kInvalid);
}

TEST(Header, KeepsNoNameThatJsonCannotHold) {
  const World world;
  Wrapper wrapper = World::MakeWrapper(RandomArray<16>(), World::NewKeys());
  wrapper.name = "r\xE9sum\xE9.txt";
  const SealedHeader sealed = world.Seal(wrapper);
  EXPECT_TRUE(Must(OpenHeader(sealed.header, world.Secrets(sealed.header))).name.empty());
}

TEST(Header, RefusesWhatIsNotInCanonicalForm) {
  const World world;
  const SealedHeader sealed = world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  const std::string text = TextOf(sealed.region);
  EXPECT_TRUE(ParseHeader(RegionOf(text)));
  const Json object = Must(ParseJson(text));
  const auto refused = [](const std::string& changed) {
    const auto header = ParseHeader(RegionOf(changed));
    return !header && header.error().code == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(refused(object.dump(1)));
  EXPECT_TRUE(refused(text.substr(0, text.size() - 1)));
  EXPECT_TRUE(refused(text + ","));
  EXPECT_TRUE(refused("{\"a\":1," + text.substr(1)));
  EXPECT_TRUE(refused(""));
  EXPECT_FALSE(ParseHeader({}));
  const auto refused_with = [&](auto change) {
    Json changed = object;
    change(changed);
    return refused(changed.dump());
  };
  EXPECT_TRUE(refused_with([](Json& o) { o["suite"] = 2; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jcd"] = 2; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jcd"] = "1"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["label"] = "A#EXAMPLE.com"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["label"] = "B#example.com"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["services"] = Json::array({"b", "a"}); }));
  EXPECT_TRUE(refused_with([](Json& o) { o["services"] = Json::array({"other.example"}); }));
  EXPECT_TRUE(refused_with([](Json& o) { o["services"] = Json::array({1}); }));
  EXPECT_TRUE(refused_with([](Json& o) { o["uid"] = "AAAA"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["uid"] = Base64UrlEncode(RandomArray<16>()); }));
  EXPECT_TRUE(refused_with([](Json& o) { o.erase("jwe"); }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jwe"].erase("aad"); }));
  EXPECT_TRUE(
      refused_with([](Json& o) { o["jwe"]["recipients"].push_back(o["jwe"]["recipients"][0]); }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jwe"]["unprotected"]["alg"] = "ECDH-ES"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jwe"]["unprotected"]["zip"] = "DEF"; }));
  EXPECT_TRUE(refused_with([](Json& o) { o["jwe"]["recipients"][0]["encrypted_key"] = "AAAA"; }));
  EXPECT_TRUE(refused_with(
      [](Json& o) { o["jwe"]["unprotected"]["epk"]["x"] = Base64UrlEncode(Bytes(32)); }));
}

TEST(Header, RefusesASpaceThatIsNone) {
  const World world;
  SealedHeader sealed = world.Seal(World::MakeWrapper(RandomArray<16>(), World::NewKeys()));
  sealed.region[kSlot0 - 1] = 'x';
  EXPECT_FALSE(ParseHeader(sealed.region));
}

TEST(DataKeys, AreOneToFourWithRisingNumbers) {
  const DocumentId uid{};
  EXPECT_TRUE(DataKeys::Make(uid, World::NewKeys({1, 2, 3, 0xFFFFFFFF})));
  EXPECT_FALSE(DataKeys::Make(uid, {}));
  EXPECT_FALSE(DataKeys::Make(uid, World::NewKeys({0})));
  EXPECT_FALSE(DataKeys::Make(uid, World::NewKeys({2, 1})));
  EXPECT_FALSE(DataKeys::Make(uid, World::NewKeys({1, 1})));
  EXPECT_FALSE(DataKeys::Make(uid, World::NewKeys({1, 2, 3, 4, 5})));
}

}  // namespace
}  // namespace recrypt
