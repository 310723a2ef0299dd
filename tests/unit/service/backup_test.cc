// Backups of a state directory, and the rotation of the service's key.
#include "service/backup.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "core/jose/jwe.h"
#include "core/jose/jwk.h"
#include "service/audit.h"
#include "service/key_rotation.h"
#include "service/sql_connection.h"
#include "service/sql_store.h"
#include "service/state_files.h"
#include "world.h"

namespace recrypt {
namespace {

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

class BackupTest : public testing::Test {
 protected:
  const std::string& state() const { return world.service.config.state; }
  // Serves from another state directory from now on.
  void ServeFrom(const std::string& directory) {
    world.service.Stop();
    world.service.config.state = directory;
    world.service.Start();
    bob = std::make_unique<TestClient>(world.service, world.bob.sign);
  }
  bool BobIsGranted() {
    return bob->Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok();
  }

  World world;
  TestFolder folder;
  std::unique_ptr<TestClient> bob = std::make_unique<TestClient>(world.service, world.bob.sign);
  const std::string file = folder.path() + "/backup";
  const std::string restored = folder.path() + "/restored";
};

TEST_F(BackupTest, RestoredServesWhatTheServiceServed) {
  const std::string fingerprint = world.service.server().fingerprint();
  const auto made = BackUp(state(), file, world.service.clock);
  ASSERT_TRUE(made) << made.error().message;
  const auto head = Restore(file, restored);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->sequence, made->sequence);
  EXPECT_EQ(head->hash, made->hash);
  ServeFrom(restored);
  EXPECT_EQ(world.service.server().fingerprint(), fingerprint);
  EXPECT_TRUE(BobIsGranted());
  TestClient alice(world.service, world.alice.sign);
  EXPECT_TRUE(alice.SetUser(world.label.User(world.carol)).ok());
}

TEST_F(BackupTest, IsOfOneMomentWhileTheServiceIsAtWork) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> given = 0;
  std::thread load([&] {
    while (!stop) given = bob->Grant(world.label.Kid(), {NewEphemeral()}).receipt_sequence;
  });
  while (given < 20) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = given;
    const std::string name = file + std::to_string(i);
    const auto head = BackUp(state(), name, world.service.clock);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_GE(head->sequence, before);
    EXPECT_TRUE(Restore(name, restored + std::to_string(i)));
  }
  stop = true;
  load.join();
}

TEST_F(BackupTest, IsForItsOwnerAlone) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  struct stat info {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(Restore(file, restored));
  ASSERT_EQ(stat(restored.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(stat((restored + "/service.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  // One file, and nothing beside it.
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++count;
  }
  EXPECT_EQ(count, 2u);
}

TEST_F(BackupTest, RestoredHasTheKeysInNoOtherFileThanTheirs) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  const std::string key = ContentOf(state() + "/service.key");
  EXPECT_NE(ContentOf(file).find(key), std::string::npos);
  ASSERT_TRUE(Restore(file, restored));
  EXPECT_EQ(ContentOf(restored + "/service.key"), key);
  for (const char* one : {"/recryptd.sqlite", "/recryptd.sqlite-wal"}) {
    EXPECT_EQ(ContentOf(restored + one).find(key.substr(0, 40)), std::string::npos) << one;
  }
}

TEST_F(BackupTest, OverwritesNothing) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  const auto again = BackUp(state(), file, world.service.clock);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kExists);
  const auto over = Restore(file, state());
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::kExists);
  EXPECT_TRUE(BobIsGranted());
}

TEST_F(BackupTest, WithATrailingSlashIsRestoredToo) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  ASSERT_TRUE(Restore(file, restored + "/"));
  EXPECT_TRUE(std::filesystem::exists(restored + "/service.key"));
}

TEST_F(BackupTest, OfWhatIsNoneIsNotRestored) {
  std::ofstream(file) << "no database";
  EXPECT_FALSE(Restore(file, restored));
  EXPECT_FALSE(Restore(StorePath(state()), restored));
  EXPECT_FALSE(Restore(folder.path() + "/absent", restored));
  EXPECT_FALSE(std::filesystem::exists(restored));
}

TEST_F(BackupTest, ThatWasAlteredIsNotRestored) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  {
    auto connection = OpenSqlite(file, SqliteAccess::kReadWrite, AuditSync::kOs).value();
    ASSERT_TRUE(connection->RunScript("UPDATE audit SET record = replace(record, 'bob', 'eve')"));
  }
  const auto done = Restore(file, restored);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(restored));
  EXPECT_FALSE(std::filesystem::exists(restored + ".unfinished"));
}

TEST_F(BackupTest, IsNotWrittenOverWhatIsThereNorOverWhatWasLeft) {
  const std::string left = file + ".unfinished";
  std::ofstream(left) << "left";
  const auto refused = BackUp(state(), file, world.service.clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExists);
  EXPECT_NE(refused.error().message.find("remove it"), std::string::npos);
  EXPECT_EQ(ContentOf(left), "left");
  std::ofstream(file) << "another's, who was faster";
  const auto late = PublishNewFile(left, file);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExists);
  EXPECT_EQ(ContentOf(file), "another's, who was faster");
}

TEST_F(BackupTest, AReceiptGivenAfterItIsNotInTheRestoredLog) {
  ASSERT_TRUE(BackUp(state(), file, world.service.clock));
  const GetResponse later = bob->Grant(world.label.Kid(), {NewEphemeral()});
  ASSERT_TRUE(Restore(file, restored));
  ServeFrom(restored);
  ASSERT_TRUE(BobIsGranted());
  auto store = OpenSqliteStoreReadOnly(StorePath(restored)).value();
  ASSERT_TRUE(VerifyAudit(*store));
  ASSERT_TRUE(store->Read([&](StoreView& view) -> Status {
    const auto place = static_cast<int64_t>(later.receipt_sequence) - 1;
    const auto rows = view.ListAudit("", "", "", place, 1).value();
    EXPECT_NE(ToBytes(rows.at(0).hash), later.receipt_head);
    return {};
  }));
}

class KeyRotationTest : public BackupTest {
 protected:
  Result<KeyRotation> Rotate() {
    world.service.Stop();
    auto done = RotateServiceKey(world.service.store_place(), world.service.clock);
    ServeFrom(state());
    return done;
  }
};

TEST_F(KeyRotationTest, KeepsGrantsAndFingerprintUnderANewKey) {
  const std::string fingerprint = world.service.server().fingerprint();
  const PublicKey before = world.service.server().keys().encrypt.public_key();
  const auto rotation = Rotate();
  ASSERT_TRUE(rotation) << rotation.error().message;
  EXPECT_EQ(rotation->sealed, 1u);
  EXPECT_EQ(rotation->version, 2u);
  const ServiceKeys& keys = world.service.server().keys();
  EXPECT_FALSE(keys.encrypt.public_key() == before);
  EXPECT_TRUE(keys.earlier.empty());
  EXPECT_EQ(world.service.server().fingerprint(), fingerprint);
  EXPECT_TRUE(BobIsGranted());
}

TEST_F(KeyRotationTest, IsSignedByTheFingerprintsKeyInANewVersionOfTheProfile) {
  const auto before = VerifyServiceProfile(world.service.server().keys().profile).value();
  ASSERT_TRUE(Rotate());
  const auto after = VerifyServiceProfile(world.service.server().keys().profile).value();
  EXPECT_EQ(after.Udf(), before.Udf());
  EXPECT_EQ(after.version.version, before.version.version + 1);
  EXPECT_FALSE(after.encrypt == before.encrypt);
}

TEST_F(KeyRotationTest, LeavesNothingThatTheOldKeyOpens) {
  const std::string old_keys = ContentOf(state() + "/service.key");
  ASSERT_TRUE(Rotate());
  const std::string new_keys = ContentOf(state() + "/service.key");
  const std::string old_secret = ParseJson(old_keys).value()["encrypt"]["d"];
  EXPECT_EQ(new_keys.find(old_secret), std::string::npos);
  const PrivateKey old_key = PrivateKeyFromJwk(ParseJson(old_keys).value()["encrypt"]).value();
  auto store = world.service.ReadStore();
  ASSERT_TRUE(store->Read([&](StoreView& view) -> Status {
    const auto halves = view.ListServiceHalves(0, 10).value();
    EXPECT_EQ(halves.size(), 1u);
    for (const StoredHalf& half : halves) {
      EXPECT_FALSE(DecryptJwe(ParseJson(half.jwe).value(), old_key));
    }
    return {};
  }));
}

TEST_F(KeyRotationTest, TakesEntriesThatAreSealedToTheNewKeyAlone) {
  UserRecord stale = world.label.User(world.carol);
  ASSERT_TRUE(Rotate());
  TestClient alice(world.service, world.alice.sign);
  EXPECT_FALSE(alice.SetUser(stale).ok());
  world.label.service_encrypt = world.service.server().keys().encrypt.public_key();
  EXPECT_TRUE(alice.SetUser(world.label.User(world.carol)).ok());
}

TEST_F(KeyRotationTest, ThatWasCutOffServesAndGoesOn) {
  world.service.Stop();
  ASSERT_TRUE(AddServiceKey(state()));  // the first step, and no other
  ServeFrom(state());
  const PublicKey added = world.service.server().keys().encrypt.public_key();
  EXPECT_EQ(world.service.server().keys().earlier.size(), 1u);
  EXPECT_TRUE(BobIsGranted());
  const auto rotation = Rotate();
  ASSERT_TRUE(rotation) << rotation.error().message;
  EXPECT_EQ(rotation->sealed, 1u);
  EXPECT_TRUE(world.service.server().keys().encrypt.public_key() == added);
  EXPECT_TRUE(world.service.server().keys().earlier.empty());
  EXPECT_TRUE(BobIsGranted());
}

TEST_F(KeyRotationTest, KeepsTheOldKeyWhenAHalfDoesNotOpen) {
  world.service.Stop();
  world.service.ChangeStore("UPDATE entries SET service_half = '{}'");
  const auto rotation = RotateServiceKey(world.service.store_place(), world.service.clock);
  ASSERT_FALSE(rotation);
  EXPECT_EQ(rotation.error().code, ErrorCode::kCorrupt);
  ServeFrom(state());
  EXPECT_EQ(world.service.server().keys().earlier.size(), 1u);
}

TEST_F(KeyRotationTest, IsRefusedWhileTheServiceServes) {
  const auto rotation = RotateServiceKey(world.service.store_place(), world.service.clock);
  ASSERT_FALSE(rotation);
  EXPECT_EQ(rotation.error().code, ErrorCode::kBusy);
}

TEST_F(KeyRotationTest, IsOnRecord) {
  const auto rotation = Rotate();
  auto store = world.service.ReadStore();
  const auto head = VerifyAudit(*store);
  ASSERT_TRUE(head);
  ASSERT_TRUE(store->Read([&](StoreView& view) -> Status {
    const auto rows =
        view.ListAudit("", "", "", static_cast<int64_t>(head->sequence) - 1, 1).value();
    EXPECT_EQ(rows.at(0).event, "rotate-key");
    EXPECT_NE(rows.at(0).record.find(rotation->key), std::string::npos);
    return {};
  }));
}

}  // namespace
}  // namespace recrypt
