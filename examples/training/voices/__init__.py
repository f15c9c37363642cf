"""The voices of the training world: synthetic speech whose words, speaker and emotion are known to the millisecond."""
