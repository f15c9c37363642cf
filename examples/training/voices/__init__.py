"""The voices of the training world: synthetic speech whose words, speaker and mood are known to the millisecond."""
