#include "client/headers_ahead.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

namespace recrypt {
namespace {

HeaderSpec SpecFor(const std::string& label) {
  const LabelName name = LabelName::Parse(label).value();
  HeaderSpec spec{LabelExpression::Parse(label).value(), {}, {"example.com"}};
  spec.label_keys.emplace(name, PrivateKey::Generate(Curve::kX25519).public_key());
  return spec;
}

// Until as many are ready, at most ten seconds.
size_t WaitForReady(const HeadersAhead& ahead, const HeaderSpec& spec, size_t count) {
  for (int i = 0; i < 1000 && ahead.Ready(spec) < count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return ahead.Ready(spec);
}

TEST(HeadersAhead, NoTwoDocumentsGetTheSame) {
  HeadersAhead ahead;
  const HeaderSpec spec = SpecFor("A#example.com");
  std::set<Bytes> ephemerals, keys;
  for (int i = 0; i < 200; ++i) {
    const PreparedHeader prepared = ahead.Take(spec).value().header;
    EXPECT_TRUE(ephemerals.insert(prepared.jwe.ephemerals.at(0).bytes()).second);
    EXPECT_TRUE(keys.insert(ToBytes(prepared.cek.Reveal())).second);
  }
}

TEST(HeadersAhead, OneCreationMakesOneReadyAndManyMakeManyButBounded) {
  HeadersAhead ahead;
  const HeaderSpec spec = SpecFor("A#example.com");
  ASSERT_TRUE(ahead.Take(spec).has_value());
  EXPECT_EQ(WaitForReady(ahead, spec, 1), 1u);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(ahead.Take(spec).has_value());
  EXPECT_GT(WaitForReady(ahead, spec, HeadersAhead::kMaxReady), 1u);
  EXPECT_LE(ahead.Ready(spec), HeadersAhead::kMaxReady);
}

// A key epoch that was replaced must not be written to any more.
TEST(HeadersAhead, ALabelsNewKeyIsUsedAtOnce) {
  HeadersAhead ahead;
  const HeaderSpec before = SpecFor("A#example.com");
  HeaderSpec after = SpecFor("A#example.com");
  ASSERT_TRUE(ahead.Take(before).has_value());
  WaitForReady(ahead, before, 1);
  EXPECT_EQ(ahead.Ready(after), 0u);
  const PreparedHeader one = ahead.Take(before).value().header;
  const PreparedHeader other = ahead.Take(after).value().header;
  EXPECT_NE(one.jwe.recipients.at(0).kids, other.jwe.recipients.at(0).kids);
}

TEST(HeadersAhead, ManyLabelsPushTheOldestOut) {
  HeadersAhead ahead;
  const HeaderSpec first = SpecFor("First#example.com");
  ASSERT_TRUE(ahead.Take(first).has_value());
  WaitForReady(ahead, first, 1);
  for (size_t i = 0; i < HeadersAhead::kMaxSpecs; ++i) {
    ASSERT_TRUE(ahead.Take(SpecFor("L" + std::to_string(i) + "#example.com")).has_value());
  }
  EXPECT_EQ(ahead.Ready(first), 0u);
}

TEST(HeadersAhead, WipingLeavesNoKeyBehind) {
  HeadersAhead ahead;
  const HeaderSpec spec = SpecFor("A#example.com");
  ASSERT_TRUE(ahead.Take(spec).has_value());
  WaitForReady(ahead, spec, 1);
  ahead.Wipe();
  EXPECT_EQ(ahead.Ready(spec), 0u);
  EXPECT_TRUE(ahead.Take(spec).has_value());
}

TEST(HeadersAhead, ASpecWithoutItsKeyIsRefused) {
  HeadersAhead ahead;
  HeaderSpec spec = SpecFor("A#example.com");
  spec.label_keys.clear();
  EXPECT_EQ(ahead.Take(spec).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace recrypt
