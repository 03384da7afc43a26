// The known answers of docs/waveform.md from payload to chips. They were made by a separate implementation
// written from that page alone; a changed value is a changed air interface.
#include <gtest/gtest.h>

#include <numeric>

#include "bits.h"
#include "ngdsp/fec/crc.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {
namespace {

struct Known {
  std::size_t class_index;
  std::uint32_t crc;
  std::vector<int> first, last;  // information positions
  std::string mask_sha;          // of N bits, 1 at every information position
  std::string code_head, code_sha, symbol_head, symbol_sha;
  std::string cenelec_a, srd868;  // sha256 of all chip bits of the frame on the first sequence of the class
};

const std::vector<Known>& known() {
  static const std::vector<Known> list = {
      {0,
       0x1fa032,
       {1007, 1015, 1019, 1021, 1022, 1023, 1471, 1503, 1519, 1526, 1527, 1529, 1530, 1531, 1532, 1533},
       {2032, 2033, 2034, 2035, 2036, 2037, 2038, 2039, 2040, 2041, 2042, 2043, 2044, 2045, 2046, 2047},
       "089ca2706956fd63d8e3db50c3ec0bbf95129c7f00c49ec2286c064ed9966e77",
       "28a105a16c62fae53dde23ed2c487603be62c938faa1367c67d123b876477656",
       "20aa40b13ff269643de774d79c2190bacd40520573bac60cf3fbf00947d05a1e",
       "363dc48b0de8a51a",
       "59525b5f0cb9914b6f121dfcf6d58f942dc0608f2353bd26f545344d4f3f7b96",
       "191127c13007275c7861b9b95f19d6985f4e4af013200a0aa65b2f5c4bc3f778",
       "5bd65c21a9e0eac70702b65744075eef465e28a76d94184e4d46f885aae286e7"},
      {1,
       0xa2f1e7,
       {2015, 2031, 2038, 2039, 2041, 2042, 2043, 2044, 2045, 2046, 2047, 2943, 3007, 3038, 3039, 3051},
       {4080, 4081, 4082, 4083, 4084, 4085, 4086, 4087, 4088, 4089, 4090, 4091, 4092, 4093, 4094, 4095},
       "ce58e88a65d2562d6cf7ae3734d3216c2255705477fc26cf45be600862191509",
       "7c1b4d579d5f099b4a5acfec850c0f98468b4bf431a6f038efaa562fb695695b",
       "4b3b47c2749b2305f8b7d5348b09f243cb63605a063123be87610dc089eb32ad",
       "3a7eed14ab2180ed",
       "a3e30a212669735e6a56d8866b0289dd0404f4dc89f8fdd260fdbcffbcbb20e5",
       "d8bc76a10b0a9f1a6110410aeda770156fd333d6dc5afcff62c187708b3a98a4",
       "c2e15bbdac8ee832174715da7af48a0ffabfa4e1fc9f0de847870c9f65586383"},
      {2,
       0xaf643b,
       {3967, 4031, 4062, 4063, 4075, 4077, 4078, 4079, 4083, 4085, 4086, 4087, 4089, 4090, 4091, 4092},
       {8176, 8177, 8178, 8179, 8180, 8181, 8182, 8183, 8184, 8185, 8186, 8187, 8188, 8189, 8190, 8191},
       "1bed4e5a94d4a66cbf0aed63ec171c18de041d92485b09583ad3e89943ae5f7a",
       "3805100b9e36857626148fada2660ef2932e8a5bab16e8e1a13bdbb1c6952f01",
       "1166e105f2706e79fa1b479922895db159a459bebf927f476a3d6c0c2c2933e7",
       "3e15be62f7265180",
       "df19c3093fce1b478f1098e28df9fdb605111664710a0aa187509c8a3f06dee3",
       "919340ea88279a9ecb8c35a4b550bca7029333138e847605c47ea411474f43f7",
       "69b67e30f654bb84f9739e1ad88325a21eb6767467953c03a194a7b411079539"},
  };
  return list;
}

// The payload of all answers: bytes 0, 1, 2 ...
std::vector<std::uint8_t> counting(const PayloadClass& c) {
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(c.payload_bytes));
  std::iota(payload.begin(), payload.end(), std::uint8_t{0});
  return payload;
}

TEST(KnownAnswers, CrcOfTheCatalogue) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc24(std::vector<std::uint8_t>(digits.begin(), digits.end())), 0x21CF02U);
}

TEST(KnownAnswers, InformationPositions) {
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    const std::vector<int> positions = frame_code(c).info_positions();
    ASSERT_EQ(positions.size(), static_cast<std::size_t>(8 * c.payload_bytes + 24));
    EXPECT_EQ(std::vector<int>(positions.begin(), positions.begin() + 16), k.first);
    EXPECT_EQ(std::vector<int>(positions.end() - 16, positions.end()), k.last);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(c.code_bits));
    for (const int p : positions) mask[static_cast<std::size_t>(p)] = 1;
    EXPECT_EQ(sha256(pack_bits(mask)), k.mask_sha);
  }
}

TEST(KnownAnswers, CodeWords) {
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    const std::vector<std::uint8_t> payload = counting(c);
    EXPECT_EQ(crc24(payload), k.crc);
    std::vector<std::uint8_t> info, code(static_cast<std::size_t>(c.code_bits));
    for (const std::uint8_t byte : payload)
      for (int b = 7; b >= 0; --b) info.push_back((byte >> b) & 1);
    for (int b = 23; b >= 0; --b) info.push_back((k.crc >> b) & 1);
    frame_code(c).encode(info, code);
    const std::vector<std::uint8_t> bytes = pack_bits(code);
    EXPECT_EQ(hex(bytes.data(), 32), k.code_head);
    EXPECT_EQ(sha256(bytes), k.code_sha);
  }
}

TEST(KnownAnswers, Symbols) {
  const FrameEncoder encoder{Profile{}};
  for (const Known& k : known()) {
    const PayloadClass c = Profile{}.classes[k.class_index];
    std::vector<float> symbols;
    encoder.encode_symbols(counting(c), Profile{}.first_sequence(c.payload_bytes), symbols);
    std::vector<std::uint8_t> bits;
    for (const float s : symbols) bits.push_back(s < 0);
    const std::vector<std::uint8_t> bytes = pack_bits(bits);
    EXPECT_EQ(hex(bytes.data(), 8), k.symbol_head);
    EXPECT_EQ(sha256(bytes), k.symbol_sha);
  }
}

TEST(KnownAnswers, WholeFrames) {
  for (const char* name : {"cenelec-a", "srd868"}) {
    const FrameEncoder encoder(*find_profile(name));
    for (const Known& k : known()) {
      const PayloadClass c = encoder.profile().classes[k.class_index];
      const std::vector<cf32> chips =
          encoder.encode(counting(c), encoder.profile().first_sequence(c.payload_bytes));
      EXPECT_EQ(sha256(pack_bits(chip_bits(chips))), encoder.profile().real ? k.cenelec_a : k.srd868)
          << name << ' ' << k.class_index;
    }
  }
}

}  // namespace
}  // namespace ngdsp
