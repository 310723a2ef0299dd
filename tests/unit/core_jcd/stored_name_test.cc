#include "core/jcd/stored_name.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "core/crypto/symmetric.h"
#include "tests/unit/seeds.h"

namespace recrypt {
namespace {

const std::string kHash(64, 'a');
const std::string kStem = "jcd.name." + kHash;

std::string HashOf(std::string_view name) {
  return "jcd.name." + HexEncode(Sha256(AsBytes(name))) + ".jcd";
}

// The plain name of what is stored, with the sidecar of a hashed name saying `name`.
std::string Shown(const std::string& stored, StoredKind what, const std::string& name) {
  if (IsHashedName(stored)) return IsNameOfHashed(name, stored) ? name : "not its name";
  return std::string(NameFromStored(stored, what).value_or(stored));
}

void ExpectRoundTrip(const std::string& name) {
  for (StoredKind what : {StoredKind::kDocument, StoredKind::kOther}) {
    const std::string stored = StoredName(name, what);
    EXPECT_LE(stored.size(), kMaxName);
    EXPECT_EQ(Shown(stored, what, name), name);
    EXPECT_FALSE(what == StoredKind::kDocument && IsSidecarName(stored));
  }
}

TEST(StoredName, OfADocumentHasTheSuffixWhereThereIsRoom) {
  EXPECT_EQ(StoredDocumentName("report.odt"), "report.odt.jcd");
  EXPECT_EQ(StoredDocumentName(std::string(251, 'n')), std::string(251, 'n') + ".jcd");
  EXPECT_EQ(StoredDocumentName(std::string(252, 'n')), HashOf(std::string(252, 'n')));
  EXPECT_EQ(StoredDocumentName(std::string(255, 'n')), HashOf(std::string(255, 'n')));
}

// docs/FORMAT.md, 11.
TEST(StoredName, IsTheOneInTheDescription) {
  EXPECT_EQ(StoredDocumentName(std::string(252, 'a')),
            "jcd.name.03aaf5773717feae6f704bf2637ae0a9af8b1b26c3493ef29553818378773a04.jcd");
}

TEST(StoredName, OfWhatIsNoDocumentIsItsOwn) {
  for (const std::string& name :
       {std::string("d"), std::string(255, 'd'), kStem, std::string("x.JCD")}) {
    EXPECT_EQ(StoredName(name, StoredKind::kOther), name);
  }
  EXPECT_EQ(StoredName("x.jcd", StoredKind::kOther), "x.jcd.jcd");
  EXPECT_EQ(StoredName(kStem + ".jcd", StoredKind::kOther), kStem + ".jcd.jcd");
  EXPECT_EQ(StoredName(kStem + ".name", StoredKind::kOther), kStem + ".name.jcd");
  const std::string longest = std::string(251, 'd') + ".jcd";
  EXPECT_EQ(StoredName(longest, StoredKind::kOther), HashOf(longest));
}

TEST(StoredName, ThatLooksHashedIsHashed) {
  EXPECT_EQ(StoredDocumentName(kStem), HashOf(kStem));
  EXPECT_EQ(StoredDocumentName(kStem + ".jcd"), kStem + ".jcd.jcd");
  EXPECT_FALSE(IsHashedName("jcd.name." + std::string(64, 'A') + ".jcd"));
  EXPECT_FALSE(IsHashedName("jcd.name." + std::string(63, 'a') + ".jcd"));
  EXPECT_FALSE(IsHashedName("jcd.name." + std::string(65, 'a') + ".jcd"));
  EXPECT_FALSE(IsHashedName("jcd.name." + std::string(64, 'g') + ".jcd"));
  EXPECT_TRUE(IsHashedName(kStem + ".jcd"));
  EXPECT_EQ(SidecarName(kStem + ".jcd"), kStem + ".name");
  EXPECT_TRUE(IsSidecarName(kStem + ".name"));
  EXPECT_EQ(HashedNameOf(kStem + ".name"), kStem + ".jcd");
}

TEST(StoredName, RoundTripsAtEveryLength) {
  for (size_t length = 1; length <= kMaxName; ++length) {
    ExpectRoundTrip(std::string(length, 'x'));
    if (length > 4) ExpectRoundTrip(std::string(length - 4, 'x') + ".jcd");
    if (length > 8) ExpectRoundTrip(std::string(length - 8, 'x') + " (plain)");
  }
}

TEST(StoredName, RoundTripsWithEveryByte) {
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string one(1, static_cast<char>(byte));
    if (one != ".") ExpectRoundTrip(one);
    ExpectRoundTrip("a" + one + "b");
    ExpectRoundTrip(std::string(255, static_cast<char>(byte)));
    ExpectRoundTrip(one + ".jcd");
  }
  for (const char* name :
       {".jcd", "\xff\xfe", "\xc3\x28.jcd", "a\nb", " ", "x (plain)", "x.jcd.jcd"}) {
    ExpectRoundTrip(name);
  }
  for (const std::string end : {"", ".jcd", ".name", ".jcd.jcd", ".name.jcd", " (plain)"}) {
    ExpectRoundTrip(kStem + end);
  }
}

// What looks like the stored form of something is where two names could fall on one.
TEST(StoredName, NoTwoNamesShareOne) {
  for (uint32_t seed : Seeds(3, 30)) {
    std::mt19937 random(seed);
    const std::vector<std::string> pieces = {"a",
                                             "jcd",
                                             ".jcd",
                                             ".name",
                                             "jcd.name.",
                                             kHash,
                                             std::string(60, 'a'),
                                             " (plain)",
                                             std::string(170, 'b')};
    std::map<std::string, std::string> taken;
    for (int i = 0; i < 2'000; ++i) {
      std::string name;
      for (auto count = 1 + random() % 4; count > 0; --count)
        name += pieces[random() % pieces.size()];
      if (name.size() > kMaxName) continue;
      for (StoredKind what : {StoredKind::kDocument, StoredKind::kOther}) {
        const std::string stored = StoredName(name, what);
        EXPECT_EQ(taken.try_emplace(stored, name).first->second, name) << stored;
        if (!IsHashedName(stored)) continue;
        EXPECT_EQ(taken.try_emplace(SidecarName(stored), name).first->second, name) << stored;
      }
      ExpectRoundTrip(name);
    }
  }
}

TEST(StoredName, ASidecarIsBelievedByItsHashAlone) {
  const std::string name(253, 'n');
  const std::string hashed = StoredDocumentName(name);
  EXPECT_TRUE(IsNameOfHashed(name, hashed));
  EXPECT_FALSE(IsNameOfHashed(std::string(253, 'm'), hashed));
  EXPECT_FALSE(IsNameOfHashed("", hashed));
  // Hashes that are right, of what is no name, or none that is hashed.
  for (std::string wrong :
       {std::string("short"), std::string(), std::string("."), std::string(300, 'n'),
        "../" + std::string(250, 'n'), std::string(252, 'n') + '\0'}) {
    EXPECT_FALSE(IsNameOfHashed(wrong, HashOf(wrong))) << wrong;
  }
}

}  // namespace
}  // namespace recrypt
