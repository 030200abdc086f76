// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {StatementsHarness} from "../../contracts/test/StatementsHarness.sol";

/// @notice Containment of scopes is an order, whatever the scopes; and nothing makes the check revert.
contract ScopeTest {
    bytes private constant GEOHASH = "0123456789bcdefghjkmnpqrstuvwxyz";
    bytes private constant PATH = "abc0-/";
    StatementsHarness private _scopes;

    function setUp() public {
        _scopes = new StatementsHarness();
    }

    function testFuzz_anyBytesAreAScopeOrNot(bytes calldata text) public view {
        bool valid = _scopes.isScope(string(text));
        if (valid) assert(text.length >= 5 && text.length <= 64);
    }

    function testFuzz_aScopeContainsItself(bytes32 seed, uint8 length) public view {
        string memory scope = _scope(seed, length);
        if (_scopes.isScope(scope)) assert(_scopes.scopeContains(scope, scope));
    }

    function testFuzz_twoThatContainEachOtherAreOne(bytes32 seed, uint8 a, uint8 b) public view {
        (string memory x, string memory y) = (_scope(seed, a), _scope(seed, b));
        if (!_scopes.isScope(x) || !_scopes.isScope(y)) return;
        if (_scopes.scopeContains(x, y) && _scopes.scopeContains(y, x)) {
            assert(keccak256(bytes(x)) == keccak256(bytes(y)));
        }
    }

    function testFuzz_containmentIsTransitive(bytes32 seed, uint8 a, uint8 b, uint8 c) public view {
        (string memory x, string memory y, string memory z) = (_scope(seed, a), _scope(seed, b), _scope(seed, c));
        if (!_scopes.isScope(x) || !_scopes.isScope(y) || !_scopes.isScope(z)) return;
        if (_scopes.scopeContains(x, y) && _scopes.scopeContains(y, z)) assert(_scopes.scopeContains(x, z));
    }

    function testFuzz_whatContainsIsAPrefixThatEndsWhereASegmentDoes(bytes32 seed, uint8 a, uint8 b) public view {
        (string memory x, string memory y) = (_scope(seed, a), _scope(seed, b));
        if (!_scopes.isScope(x) || !_scopes.isScope(y)) return;
        uint256 length = bytes(x).length;
        // Same seed, so the shorter is a prefix of the longer.
        bool expected =
            length == bytes(y).length ||
                (length < bytes(y).length && ((bytes(x)[0] == "g" && bytes(x)[1] == "e") || bytes(y)[length] == "/"));
        assert(_scopes.scopeContains(x, y) == expected);
    }

    /// @dev Text of one kind or the other, by the seed; the same seed gives prefixes of one text.
    function _scope(bytes32 seed, uint8 length) private pure returns (string memory) {
        bool isGeo = uint8(seed[31]) & 1 == 0;
        bytes memory alphabet = isGeo ? GEOHASH : PATH;
        bytes memory text = new bytes(1 + (length % (isGeo ? 12 : 30)));
        for (uint256 i = 0; i < text.length; i++) text[i] = alphabet[uint8(seed[i]) % alphabet.length];
        return string.concat(isGeo ? "geo:" : "grp:", string(text));
    }
}
