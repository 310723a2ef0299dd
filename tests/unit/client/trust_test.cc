#include "client/trust.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "core/jose/jws.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

constexpr auto kAccountSubject = TrustSubject::kAccount;
const char* const kOne = "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF";
const char* const kOther = "MABC-7N6A-727A-JZNO-STRX-XKS7-DJAF";

TrustPin PinOf(const std::string& udf) {
  return {kAccountSubject, "bob@x.net", udf, "explicit", 1};
}

class TrustStoreTest : public testing::Test {
 protected:
  TestFolder folder_;
  const std::string path_ = folder_ / "trust.json";
  std::unique_ptr<TrustStore> store_ = TrustStore::Open(path_).value();
};

TEST_F(TrustStoreTest, APinLasts) {
  ASSERT_TRUE(store_->Pin(PinOf(kOne), PinChange::kRefuse));
  EXPECT_TRUE(store_->CheckPin(kAccountSubject, "bob@x.net", kOne).value());
  EXPECT_FALSE(store_->CheckPin(kAccountSubject, "carol@x.net", kOne).value());
  auto again = TrustStore::Open(path_).value();
  const auto pin = again->FindPin(kAccountSubject, "bob@x.net").value();
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->udf, kOne);
  EXPECT_EQ(pin->how, "explicit");
  EXPECT_EQ(again->Pins()->size(), 1u);
}

TEST_F(TrustStoreTest, AChangedFingerprintIsRefusedAndBothAreNamed) {
  ASSERT_TRUE(store_->Pin(PinOf(kOne), PinChange::kRefuse));
  for (const Error& error : {store_->CheckPin(kAccountSubject, "bob@x.net", kOther).error(),
                             store_->Pin(PinOf(kOther), PinChange::kRefuse).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kDenied);
    EXPECT_NE(error.message.find(kOne), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(kOther), std::string::npos) << error.message;
  }
  EXPECT_TRUE(store_->CheckPin(kAccountSubject, "bob@x.net", kOne).value());
}

TEST_F(TrustStoreTest, APinIsReplacedOnlyWhenToldSo) {
  ASSERT_TRUE(store_->Pin(PinOf(kOne), PinChange::kRefuse));
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 7, {{"a", 1}}));
  ASSERT_TRUE(store_->Pin(PinOf(kOther), PinChange::kReplace));
  EXPECT_TRUE(store_->CheckPin(kAccountSubject, "bob@x.net", kOther).value());
  EXPECT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 1, {{"a", 2}}))
      << "versions of another key count from the start";
}

TEST_F(TrustStoreTest, AnOlderVersionIsRefused) {
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 3, {{"v", 3}}));
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 3, {{"v", 3}}));
  auto older = store_->Remember(kAccountSubject, "bob@x.net", 2, {{"v", 2}});
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::kStale);
  EXPECT_NE(older.error().message.find("version 2 is older than version 3"), std::string::npos);
  EXPECT_EQ(store_->LastSeen(kAccountSubject, "bob@x.net").value()->version, 3u);
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 4, {{"v", 4}}));
}

TEST_F(TrustStoreTest, TwoObjectsOfOneVersionAreRefused) {
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 3, {{"v", 3}}));
  EXPECT_EQ(store_->Remember(kAccountSubject, "bob@x.net", 3, {{"v", 4}}).error().code,
            ErrorCode::kStale);
}

TEST_F(TrustStoreTest, ASignatureMadeAgainIsTheSameObject) {
  const PrivateKey key = PrivateKey::Generate(Curve::kP256);
  ASSERT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 3, SignJws(key, "payload")));
  EXPECT_TRUE(store_->Remember(kAccountSubject, "bob@x.net", 3, SignJws(key, "payload")));
  EXPECT_FALSE(store_->Remember(kAccountSubject, "bob@x.net", 3, SignJws(key, "another")));
}

TEST_F(TrustStoreTest, SeesWhatAnotherProcessPinned) {
  auto other = TrustStore::Open(path_).value();
  ASSERT_TRUE(other->Pin(PinOf(kOne), PinChange::kRefuse));
  EXPECT_TRUE(store_->CheckPin(kAccountSubject, "bob@x.net", kOne).value());
  ASSERT_TRUE(store_->Unpin(kAccountSubject, "bob@x.net"));
  EXPECT_FALSE(other->FindPin(kAccountSubject, "bob@x.net").value());
}

TEST_F(TrustStoreTest, WritersAtTheSameTimeLoseNothing) {
  auto other = TrustStore::Open(path_).value();
  std::vector<std::thread> threads;
  for (TrustStore* store : {store_.get(), other.get()}) {
    threads.emplace_back([store, this] {
      for (int i = 0; i < 20; ++i) {
        TrustPin pin = PinOf(kOne);
        pin.name = (store == store_.get() ? "a" : "b") + std::to_string(i) + "@x.net";
        EXPECT_TRUE(store->Pin(pin, PinChange::kRefuse));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TrustStore::Open(path_).value()->Pins()->size(), 40u);
}

TEST_F(TrustStoreTest, DamageIsAnErrorAndNeverAnEmptyStore) {
  ASSERT_TRUE(store_->Pin(PinOf(kOne), PinChange::kRefuse));
  const std::string good = ReadText(path_);
  for (const std::string& bad : {std::string(), std::string("{}"), good.substr(0, good.size() / 2),
                                 std::string("{\"version\":2,\"pins\":{},\"seen\":{}}")}) {
    WriteText(path_, bad);
    auto store = TrustStore::Open(path_);
    ASSERT_FALSE(store) << bad;
    EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(ReadText(path_), bad);
  }
}

TEST_F(TrustStoreTest, IsPrivate) {
  ASSERT_TRUE(store_->Pin(PinOf(kOne), PinChange::kRefuse));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(TrustStoreTest, KeepsACredentialUntilItIsTakenAway) {
  const LabelName label = Label("A#x.net");
  EXPECT_TRUE(store_->KeptCredential(label)->empty());
  ASSERT_TRUE(store_->KeepCredential(label, Bytes{1, 2, 3}));
  EXPECT_EQ(TrustStore::Open(path_).value()->KeptCredential(label).value(), (Bytes{1, 2, 3}));
  ASSERT_TRUE(store_->KeepCredential(label, {}));
  EXPECT_TRUE(TrustStore::Open(path_).value()->KeptCredential(label)->empty());
}

}  // namespace
}  // namespace recrypt
