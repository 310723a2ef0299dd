#include "client/share_policy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class SharePolicyTest : public testing::Test {
 protected:
  SharePolicyTest() { std::filesystem::create_directories(share_ / "Accounting/2026"); }

  std::string PolicyFile() const { return share_ / ".recryptfs/policy.jcp"; }
  Result<SharePolicy> Assign(TestUser& user, const std::string& path, const std::string& label) {
    return AssignLabel(user.client(), {Root(), path}, Expression(label));
  }
  std::string Root() const { return std::filesystem::canonical(share_.path()); }

  World world_;
  TestFolder share_;
};

TEST_F(SharePolicyTest, IsMadeFoundAndReadByOthers) {
  EXPECT_EQ(FindShare(share_.path()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(LoadSharePolicy(world_.bob.client(), share_.path()).error().code, ErrorCode::kNotFound);
  auto location = LocateInShare(share_.path(), share_ / "Accounting");
  ASSERT_TRUE(location) << location.error().message;
  auto assigned =
      AssignLabel(world_.alice.client(), *location, Expression("Accounting#example.com"));
  ASSERT_TRUE(assigned) << assigned.error().message;
  EXPECT_EQ(assigned->version.version, 1u);

  auto found = FindShare(share_ / "Accounting/2026");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->root, Root());
  EXPECT_EQ(found->path, "Accounting/2026");
  auto policy = LoadSharePolicy(world_.bob.client(), found->root);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->Find(found->path)->text(), "Accounting#example.com");
  struct stat info {};
  ASSERT_EQ(::stat(PolicyFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
}

TEST_F(SharePolicyTest, EveryChangeIsANewVersionOfTheSameShare) {
  const SharePolicy one = Assign(world_.alice, "Accounting", "Accounting#example.com").value();
  const SharePolicy two = Assign(world_.alice, "", "Everybody#example.com").value();
  const SharePolicy three = Assign(world_.alice, "Accounting", "Other#example.com").value();
  EXPECT_EQ(three.version.version, 3u);
  EXPECT_EQ(three.share, one.share);
  EXPECT_EQ(three.paths.size(), 2u);
  EXPECT_EQ(three.Find("Accounting")->text(), "Other#example.com");
  const SharePolicy renamed =
      RenameInPolicy(world_.alice.client(), {Root(), "Accounting"}, "Books").value();
  EXPECT_EQ(renamed.Find("Books/x")->text(), "Other#example.com");
  EXPECT_EQ(renamed.Find("Accounting/x")->text(), "Everybody#example.com");
  EXPECT_EQ(UnassignLabel(world_.alice.client(), {Root(), "Books"})->paths.size(), 1u);
  EXPECT_EQ(UnassignLabel(world_.alice.client(), {Root(), "Books"}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(SharePolicyTest, AnOlderVersionIsRefused) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  const std::string old_text = ReadText(PolicyFile());
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Other#example.com"));
  ASSERT_TRUE(LoadSharePolicy(world_.bob.client(), share_.path()));
  WriteText(PolicyFile(), old_text);
  auto policy = LoadSharePolicy(world_.bob.client(), share_.path());
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, ErrorCode::kStale);
  EXPECT_NE(policy.error().message.find("version 1 is older than version 2"), std::string::npos);
}

TEST_F(SharePolicyTest, OneThatIsTakenAwayIsMissed) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  ASSERT_TRUE(LoadSharePolicy(world_.bob.client(), share_.path()));
  std::filesystem::remove(PolicyFile());
  auto policy = LoadSharePolicy(world_.bob.client(), share_.path());
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, ErrorCode::kStale);
  EXPECT_NE(policy.error().message.find("is gone"), std::string::npos);
}

TEST_F(SharePolicyTest, ItsOwnerGoesOnFromTheOneThatIsGone) {
  const SharePolicy one = Assign(world_.alice, "Accounting", "Accounting#example.com").value();
  ASSERT_TRUE(LoadSharePolicy(world_.bob.client(), share_.path()));
  std::filesystem::remove_all(share_ / ".recryptfs");
  EXPECT_EQ(Assign(world_.bob, "", "Bobs#example.net").error().code, ErrorCode::kStale);
  const SharePolicy two = Assign(world_.alice, "", "Everybody#example.com").value();
  EXPECT_EQ(two.share, one.share);
  EXPECT_EQ(two.version.version, 2u);
  EXPECT_EQ(two.paths.size(), 2u);
  EXPECT_TRUE(LoadSharePolicy(world_.bob.client(), share_.path()));
}

TEST_F(SharePolicyTest, ATrustedAccountCannotPutItsOwnInPlace) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  ASSERT_TRUE(LoadSharePolicy(world_.carol.client(), share_.path()));
  world_.carol.Trust(world_.bob);
  // bob, who controls the storage, removes it and makes one of his own.
  std::filesystem::remove_all(share_ / ".recryptfs");
  ASSERT_TRUE(Assign(world_.bob, "Accounting", "Bobs#example.net"));
  auto policy = LoadSharePolicy(world_.carol.client(), share_.path());
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, ErrorCode::kDenied);
  EXPECT_NE(policy.error().message.find(world_.alice.identity().Udf()), std::string::npos);
  EXPECT_NE(policy.error().message.find(world_.bob.identity().Udf()), std::string::npos);
}

TEST_F(SharePolicyTest, AnUnpinnedOwnersIsRefused) {
  TestUser dave(world_.services, "dave@example.net");
  ASSERT_TRUE(Assign(dave, "Accounting", "Daves#example.net"));
  auto policy = LoadSharePolicy(world_.bob.client(), share_.path());
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, ErrorCode::kDenied);
  EXPECT_NE(policy.error().message.find("recryptfs profile trust dave@example.net"),
            std::string::npos);
}

TEST_F(SharePolicyTest, OnlyItsOwnerChangesIt) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  const std::string before = ReadText(PolicyFile());
  auto changed = Assign(world_.bob, "Accounting", "Bobs#example.net");
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::kDenied);
  EXPECT_EQ(ReadText(PolicyFile()), before);
}

TEST_F(SharePolicyTest, DamageIsToldAndNothingIsWrittenOverIt) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  std::string text = ReadText(PolicyFile());
  for (size_t at : {size_t{2}, text.find("payload") + 12, text.find("signature") + 14}) {
    std::string bad = text;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    WriteText(PolicyFile(), bad);
    EXPECT_FALSE(LoadSharePolicy(world_.bob.client(), share_.path())) << at;
    EXPECT_FALSE(Assign(world_.alice, "Accounting", "Other#example.com")) << at;
    EXPECT_EQ(ReadText(PolicyFile()), bad);
  }
}

TEST_F(SharePolicyTest, IsReadWithoutTheServiceOnceItsOwnerWasSeen) {
  ASSERT_TRUE(Assign(world_.alice, "Accounting", "Accounting#example.com"));
  ASSERT_TRUE(world_.bob.client().profiles().Account(world_.alice.account(), ProfileUse::kRead));
  world_.bob.transport->Fail(ErrorCode::kUnavailable, "gone");
  const auto client = world_.bob.OpenAnother();
  EXPECT_TRUE(LoadSharePolicy(*client, share_.path()));
}

TEST_F(SharePolicyTest, APathOutsideOfTheShareIsRefused) {
  EXPECT_EQ(LocateInShare(share_ / "Accounting", share_.path()).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(LocateInShare(share_.path(), share_ / "nothing").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace recrypt
